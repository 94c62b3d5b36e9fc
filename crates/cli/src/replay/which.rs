//! Which logged epochs a replay makes again, and with which of the job's plans.
//!
//! A script is known by its fingerprint. A job may have had it several times: before a change and, undone, after it; and
//! before and after it went back to a savepoint.

use std::fmt::Write;
use std::ops::{Range, RangeInclusive};

use sloth_store::Stretch;
use sloth_types::{Error, Result};

/// Epochs that are made again with one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The plan's stretch, by its place.
    pub(super) stretch: usize,
    pub(super) epochs: RangeInclusive<u64>,
}

/// What a script is asked for: `--from` and `--to`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
}

/// The pieces of what is asked for, in their order; of all that the script has made, when nothing is said.
///
/// # Errors
/// When the script is none of the job's, another one has made some of it, or it is not kept.
pub(super) fn pieces(stretches: &[Stretch], script: &str, asked: Asked) -> Result<Vec<Piece>> {
    let job = Job::new(stretches, script)?;
    let all = job.kept();
    if let (Some(from), Some(to)) = (asked.from, asked.to)
        && from > to
    {
        return Err(Error::invalid(format!("--from {from} lies after --to {to}")).hint(job.hint(&all)));
    }
    let Some(one) = asked.from.or(asked.to) else {
        return if all.is_empty() { Err(job.nothing()) } else { Ok(all) };
    };
    let runs = runs(&all);
    let run = runs.iter().find(|run| run.contains(&one)).cloned().unwrap_or(one..one);
    let (from, to) = (asked.from.unwrap_or(run.start), asked.to.unwrap_or(run.end.saturating_sub(1)));
    if !run.contains(&one) || !run.contains(&to) {
        return Err(job.refuse(one, asked).hint(job.hint(&all)));
    }
    let cut = |piece: Piece| {
        let epochs = *piece.epochs.start().max(&from)..=*piece.epochs.end().min(&to);
        (!epochs.is_empty()).then_some(Piece { epochs, ..piece })
    };
    Ok(all.into_iter().filter_map(cut).collect())
}

/// Epochs that follow each other, whichever plans have them.
fn runs(pieces: &[Piece]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = vec![];
    for piece in pieces {
        let (start, end) = (*piece.epochs.start(), piece.epochs.end() + 1);
        match runs.last_mut() {
            Some(run) if run.end == start => run.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

/// The log of a job as a script sees it.
struct Job<'a> {
    stretches: &'a [Stretch],
    /// For each stretch, whether it is the script's.
    own: Vec<bool>,
}

impl<'a> Job<'a> {
    fn new(stretches: &'a [Stretch], script: &str) -> Result<Job<'a>> {
        let own = stretches.iter().map(|s| s.plan.as_ref().is_ok_and(|plan| plan.fingerprint == script)).collect();
        let job = Job { stretches, own };
        if job.own.contains(&true) {
            return Ok(job);
        }
        if stretches.is_empty() {
            return Err(nothing_logged());
        }
        // The script may be that of a plan which cannot be read.
        if let Some(error) = stretches.iter().find_map(|stretch| stretch.plan.as_ref().err()) {
            return Err(error.clone());
        }
        let whole = 0..u64::MAX;
        let hint = match job.makers(&whole) {
            makers if makers.is_empty() => "Give the script that the job was run with.".to_owned(),
            makers => format!("Give the script that the job was run with: {makers}."),
        };
        Err(Error::invalid("the state belongs to another query").hint(hint))
    }

    /// What can be made again with the script. Where two of its plans have the same epochs, the later one counts.
    fn kept(&self) -> Vec<Piece> {
        let mut pieces = vec![];
        let mut before = u64::MAX;
        for (at, (stretch, _)) in self.stretches.iter().zip(&self.own).enumerate().rev().filter(|(_, (_, own))| **own) {
            let Some(kept) = stretch.kept else { continue };
            let end = stretch.logged.end.min(before);
            if kept < end {
                pieces.push(Piece { stretch: at, epochs: kept..=end - 1 });
                before = kept;
            }
        }
        pieces.reverse();
        pieces
    }

    /// Why what is asked for cannot be made again, or not with the script; `one` is an end of it.
    fn refuse(&self, one: u64, asked: Asked) -> Error {
        let to = asked.to.unwrap_or(one);
        if let Some(epoch) = [one, to].into_iter().find(|epoch| !self.is_logged(*epoch, |_| true)) {
            return Error::invalid(format!("epoch {epoch} is not in the log"));
        }
        if let Some(changed) = self.changes(one, to) {
            let text =
                format!("the script has changed at epoch {changed}: --from {one} and --to {to} are not of one script");
            return Error::invalid(text).detail(self.makers(&(one..to + 1)));
        }
        match [one, to].into_iter().find(|epoch| !self.is_logged(*epoch, |own| own)) {
            Some(epoch) => {
                let makers = self.makers(&(epoch..epoch + 1));
                Error::invalid(format!("epoch {epoch} was made by another script: {makers}"))
            }
            None => Error::invalid(format!("what is needed to make epoch {one} again is no longer kept")),
        }
    }

    /// True when an epoch is in the log, of the scripts that are wanted: of the given one, or of others.
    fn is_logged(&self, epoch: u64, wanted: impl Fn(bool) -> bool) -> bool {
        self.stretches.iter().zip(&self.own).any(|(stretch, own)| wanted(*own) && stretch.logged.contains(&epoch))
    }

    /// The epoch at which the script changes first within what is asked for.
    fn changes(&self, from: u64, to: u64) -> Option<u64> {
        let within: Vec<&'a Stretch> = self
            .stretches
            .iter()
            .filter(|s| !s.logged.is_empty() && s.logged.end > from && s.logged.start <= to)
            .collect();
        let print = |stretch: &'a Stretch| stretch.plan.as_ref().ok().map(|plan| plan.fingerprint.as_str());
        within.windows(2).find_map(|pair| match pair {
            [before, after] if print(before) != print(after) => Some(after.logged.start),
            _ => None,
        })
    }

    /// Who has made some epochs: `epochs 50 to 61 are of script 1 (one.sql), …`.
    fn makers(&self, of: &Range<u64>) -> String {
        let mut text = String::new();
        for stretch in self.stretches {
            let (start, end) = (stretch.logged.start.max(of.start), stretch.logged.end.min(of.end));
            if start >= end {
                continue;
            }
            let epochs = if start + 1 == end {
                format!("epoch {start} is")
            } else {
                format!("epochs {start} to {} are", end - 1)
            };
            let name = stretch.plan.as_ref().map_or_else(|_| String::new(), |plan| format!(" ({})", plan.script));
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{epochs} of script {}{name}", stretch.number);
        }
        text
    }

    /// What can be asked for.
    fn hint(&self, all: &[Piece]) -> String {
        let only = self.own.iter().all(|own| *own);
        let runs: Vec<String> = runs(all).iter().map(|run| format!("{} to {}", run.start, run.end - 1)).collect();
        match (runs.is_empty(), only) {
            (true, true) => {
                "The newest checkpoint stands at the end of the log: there is nothing to make again.".to_owned()
            }
            (true, false) => "Nothing of what this script has made is kept.".to_owned(),
            (false, true) => format!("Epochs {} can be made again.", runs.join(" and ")),
            (false, false) => format!("With this script epochs {} can be made again.", runs.join(" and ")),
        }
    }

    /// There is nothing that could be asked for.
    fn nothing(&self) -> Error {
        let has_made = self.stretches.iter().zip(&self.own).any(|(stretch, own)| *own && !stretch.logged.is_empty());
        if has_made {
            return Error::invalid("what is needed to make epochs of the script again is not kept")
                .hint(self.hint(&[]));
        }
        if self.stretches.iter().all(|stretch| stretch.logged.is_empty()) {
            return nothing_logged();
        }
        Error::invalid("there are no epochs of this script in the log")
    }
}

fn nothing_logged() -> Error {
    Error::invalid("there are no epochs in the log")
}

#[cfg(test)]
mod tests;
