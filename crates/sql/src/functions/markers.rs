//! Markers of legacy group windows and of temporal joins: never evaluated, the lowering replaces what they mark.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::plan_err;
use datafusion::logical_expr::Volatility;

use super::define::Function;

const ABOUT: &str = "Marks a group window; internal.";

fn coerce(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        // A time that is no timestamp is refused with its place, see `plan::check_group_windows`.
        [_, _, lengths @ ..] if (1..=3).contains(&lengths.len()) => Some(types.to_vec()),
        _ => None,
    }
}

fn bound(_: &[DataType]) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn time(types: &[DataType]) -> DataType {
    match types {
        [_, DataType::Timestamp(_, zone), ..] => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        _ => DataType::Timestamp(TimeUnit::Millisecond, None),
    }
}

macro_rules! marker {
    ($names:expr, $returns:expr) => {
        Function {
            names: $names,
            usage: "TUMBLE_START(t, INTERVAL …) together with GROUP BY TUMBLE(t, INTERVAL …)",
            about: ABOUT,
            volatility: Volatility::Immutable,
            coerce,
            returns: $returns,
            invoke: |_| plan_err!("a group window stands where there is no GROUP BY with the same window"),
        }
    };
}

/// The time of a temporal join, and the join's condition: the lowering of joins takes it out.
const AS_OF: Function = Function {
    names: &[crate::rewrite::temporal::AS_OF],
    usage: "t FOR SYSTEM_TIME AS OF l.time, l.time being a timestamp",
    about: "Marks a temporal join; internal.",
    volatility: Volatility::Immutable,
    coerce: |types| Some(types.to_vec()),
    returns: |_| DataType::Boolean,
    invoke: |_| plan_err!("FOR SYSTEM_TIME AS OF was moved away from its join; join the two tables in a subquery"),
};

/// The number of rows of a `FETCH … WITH TIES`: the lowering of limits takes it out.
const WITH_TIES: Function = Function {
    names: &[crate::rewrite::WITH_TIES],
    usage: "FETCH FIRST n ROWS WITH TIES",
    about: "Marks a limit by rank; internal.",
    // It must not be computed before.
    volatility: Volatility::Volatile,
    coerce: |types| (types.len() == 1).then(|| vec![DataType::Int64]),
    returns: |_| DataType::Int64,
    invoke: |_| plan_err!("FETCH … WITH TIES stands where rows cannot be ranked; write RANK() in a subquery"),
};

/// Its first argument: the second is for the name of the call that it stands in.
const NAMED: Function = Function {
    names: &["$named"],
    usage: "CAST(x AS type)",
    about: "Tells calls apart by a cast; internal.",
    volatility: Volatility::Immutable,
    coerce: |types| (types.len() == 2).then(|| types.to_vec()),
    returns: |types| types.first().cloned().unwrap_or(DataType::Null),
    invoke: |args| match args.args.first() {
        Some(value) => Ok(value.clone()),
        None => plan_err!("a name needs a value"),
    },
};

pub(super) static FUNCTIONS: &[Function] = &[
    NAMED,
    marker!(&["$window_start"], bound),
    marker!(&["$window_end"], bound),
    marker!(&["$window_time"], time),
    AS_OF,
    WITH_TIES,
];
