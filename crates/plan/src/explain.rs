//! EXPLAIN: the plan as text.
