//! Where a job keeps what it needs to be resumed: the epoch log and checkpoints, as objects of an object store.
//!
//! ```text
//!  job.json                                  who the job is
//!  plans/<n>.json                            what it computes: the plans that it has had
//!  log/00000000000000000007                  a segment of the epoch log; created once, never changed
//!  state/<generation>/<epoch>/<n>.state      the state of one operator on one worker; a<n>: written ahead
//!  checkpoints/<epoch>.json                  a manifest: a checkpoint exists if and only if its manifest does
//!  savepoints/<name>.json                    a manifest with a name, kept until somebody removes it
//!  requests/…, answers/…                     what a running job is asked for from outside
//! ```
//!
//! All safety rests on one thing: an object is created only if there is none of its name. A new run claims the job by
//! writing the next segment of the log. From then on an older run that wakes up finds the name of its next segment taken:
//! it can log no more epochs, hence commit no more. The formats are drawn in `docs/format.md`.

mod ahead;
mod before;
mod clean;
mod direct;
mod directory;
mod follow;
mod frame;
mod inspect;
mod keeper;
mod layout;
mod log;
mod manifest;
mod merge;
mod objects;
mod plans;
mod recover;
mod request;
mod savepoint;
mod state;
mod stretches;
mod turn;

#[cfg(test)]
mod tests;

pub use follow::{Follower, Patience, stand_by};
pub use inspect::{Inspection, inspect};
pub use keeper::Keeper;
pub use manifest::{Manifest, Retold, Split, StateFile};
pub use objects::Objects;
pub use plans::{Plan, PlanOperator, PlanSink, PlanSource, current_plan, plan_of};
pub use recover::{Claim, change, claim, has_begun, is_alive, is_superseded};
pub use request::{Answer, Asking, Request, refuse_requests};
pub use savepoint::{
    Savepoint, check_name, copy_state, free_name, name_newest, newest_manifest, savepoint, savepoint_at, savepoints,
};
pub use state::{decode as decode_state, encode as encode_state};
pub use stretches::Stretch;
pub use turn::{Turn, wait_for_turn};
