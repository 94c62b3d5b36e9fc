//! Flink's settings `table.exec.emit.…`: when windows give out their results.

use sloth_plan::{Emission, Every};
use sloth_types::{Error, Options, Result};

use super::STATE_TTL;

const LATENESS: &str = "table.exec.emit.allow-lateness";

/// What the settings say, for queries without an EMIT clause. As in Flink, a lateness alone means nothing: late rows
/// are taken when late firing is on.
///
/// # Errors
/// When a value does not parse, or they do not fit together.
pub(super) fn of_settings(settings: &Options) -> Result<Emission> {
    let mut emission = Emission { early: firing(settings, "early-fire")?, ..Emission::default() };
    let Some(late) = firing(settings, "late-fire")? else { return Ok(emission) };
    let lateness = match settings.duration(LATENESS)? {
        Some(lateness) => lateness,
        None => settings.duration(STATE_TTL)?.unwrap_or_default(),
    };
    emission.late = late;
    emission.lateness_ms = i64::try_from(lateness.as_millis()).unwrap_or(i64::MAX);
    if emission.lateness_ms == 0 {
        return Err(Error::invalid(format!("'table.exec.emit.late-fire.enabled' needs '{LATENESS}'"))
            .hint(format!("SET '{LATENESS}' = '1 min', or leave late firing off.")));
    }
    if let Every::Millis(delay) = late
        && delay > emission.lateness_ms
    {
        return Err(Error::invalid(format!("'table.exec.emit.late-fire.delay' is longer than '{LATENESS}'"))
            .hint("Corrections would come when the window is gone: choose a shorter delay."));
    }
    Ok(emission)
}

/// `….enabled` with `….delay`.
fn firing(settings: &Options, name: &str) -> Result<Option<Every>> {
    let (enabled, delay) = (format!("table.exec.emit.{name}.enabled"), format!("table.exec.emit.{name}.delay"));
    if !settings.parse_or(&enabled, "true or false", false)? {
        return Ok(None);
    }
    let Some(time) = settings.duration(&delay)? else {
        return Err(Error::invalid(format!("'{enabled}' needs '{delay}'"))
            .hint(format!("SET '{delay}' = '1 s'; '0 s' is: with every change.")));
    };
    Ok(Some(match i64::try_from(time.as_millis()).unwrap_or(i64::MAX) {
        0 => Every::Epoch,
        ms => Every::Millis(ms),
    }))
}
