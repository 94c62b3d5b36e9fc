//! `sloth savepoint` and `sloth stop`: what a running job is asked for from outside, and the states that it keeps by name.

use std::time::Duration;

use sloth_store::{Answer, Asking, Objects, Request, Savepoint as Kept, check_name, free_name, name_newest};
use sloth_types::clock::Mono;
use sloth_types::{Error, Result};

use crate::args::{Patience, Savepoint, SavepointOf, StateDir, Stop, Take};
use crate::checkpoint::{about, bytes_and_rows, open, show_error, show_manifest, time};
use crate::run::Shown;

/// A job hears a request within a fraction of this, unless it is busy: then its lock tells that it lives.
const HEARD_AFTER: Duration = Duration::from_secs(3);
/// Where locks do not tell, a job that has given no sign of life for so long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// How often it is looked for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `sloth savepoint …`.
pub(crate) fn savepoint(command: &Savepoint) -> Shown<()> {
    match command {
        Savepoint::Take(args) => take(args),
        Savepoint::Ls(args) => list(args),
        Savepoint::Inspect(args) => show(args),
        Savepoint::Rm(args) => remove(args),
    }
    .map_err(|e| show_error(&e))
}

fn take(args: &Take) -> Result<()> {
    let (objects, _) = open(&args.state.directory)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => free_name(&objects, "savepoint")?,
    };
    check_name(&objects, &name)?;
    let request = Request { savepoint: Some(name.clone()), ..Request::default() };
    match ask(&objects, &request, args.patience)? {
        Some(answer) => println!("savepoint '{name}': all epochs before {}", answer.epoch),
        None => {
            let made = name_newest(&objects, &name, "of the newest checkpoint")?;
            println!(
                "savepoint '{name}': all epochs before {}\nno job runs on the directory: it is the newest checkpoint",
                made.checkpoint.epoch
            );
        }
    }
    Ok(())
}

/// `sloth stop`.
pub(crate) fn stop(args: &Stop) -> Shown<()> {
    let stopped = || -> Result<()> {
        let (objects, found) = open(&args.state.directory)?;
        if let Some(name) = &args.savepoint {
            check_name(&objects, name)?;
        }
        let request = Request { savepoint: args.savepoint.clone(), stop: true, drain: args.drain };
        let Some(answer) = ask(&objects, &request, args.patience)? else {
            let newest = found.checkpoints.iter().rev().find(|(_, manifest)| manifest.is_ok()).map_or_else(
                || "It has no checkpoint yet.".to_owned(),
                |(epoch, _)| format!("Its newest checkpoint is {epoch}; `sloth run` goes on from there."),
            );
            return Err(Error::invalid("no job runs on the directory").hint(newest));
        };
        let how = if args.drain { "drained and stopped" } else { "stopped" };
        println!("{how} at checkpoint {}", answer.epoch);
        if let Some(name) = &args.savepoint {
            println!("savepoint '{name}': all epochs before {}", answer.epoch);
        }
        Ok(())
    };
    stopped().map_err(|e| show_error(&e))
}

/// Asks the job that runs on a directory, and waits for the answer; `None` when no job runs there.
fn ask(objects: &Objects, request: &Request, patience: Patience) -> Result<Option<Answer>> {
    let asking = Asking::ask(objects, request)?;
    let begun = Mono::now();
    let mut heard = false;
    let mut asked_for_life = begun;
    loop {
        if let Some(answer) = asking.answer()? {
            return match &answer.error {
                Some(error) => Err(Error::invalid(error.as_str())),
                None if answer.ended => Err(Error::unavailable("the job ended or failed before it could do so")
                    .hint("One that has failed starts again by itself: look at its log, and ask again.")),
                None => Ok(Some(answer)),
            };
        }
        if !heard {
            heard = asking.is_heard()?;
            // It may be reading its state, or writing a large checkpoint.
            if !heard && asked_for_life.elapsed() >= HEARD_AFTER {
                if !sloth_store::is_alive(objects, SILENCE)? {
                    asking.take_back()?;
                    return Ok(None);
                }
                asked_for_life = Mono::now();
            }
        }
        if begun.elapsed() >= Duration::from_secs(patience.timeout) {
            asking.take_back()?;
            return Err(Error::unavailable(format!("the job has not answered within {} s", patience.timeout))
                .hint("It may be busy making logged epochs again, or a sink does not answer: look at its log."));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn list(args: &StateDir) -> Result<()> {
    let (objects, found) = open(&args.directory)?;
    println!("{}", about(&found));
    let all = sloth_store::savepoints(&objects)?;
    if all.is_empty() {
        println!("no savepoint");
        return Ok(());
    }
    println!("{:<24}  {:<24}  {:>12}  {:>12}  {:>14}  MADE", "NAME", "AT", "EPOCH", "ROWS", "BYTES");
    for (name, savepoint) in &all {
        match savepoint {
            Ok(kept) => {
                let (rows, bytes) = bytes_and_rows(&kept.checkpoint);
                let (made, epoch) = (time(kept.made), kept.checkpoint.epoch);
                println!("{name:<24}  {made:<24}  {epoch:>12}  {rows:>12}  {bytes:>14}  {}", kept.why);
            }
            Err(error) => println!("{name:<24}  {error}"),
        }
    }
    Ok(())
}

fn show(args: &SavepointOf) -> Result<()> {
    let (objects, _) = open(&args.state.directory)?;
    let kept: Kept = sloth_store::savepoint(&objects, &args.name)?;
    println!("savepoint '{}' of job {}, made {} {}", kept.name, kept.job, time(kept.made), kept.why);
    let whole = kept.read(&objects);
    show_manifest(&kept.checkpoint, whole.as_ref().ok(), &kept.plan);
    whole.map(|_| ())
}

fn remove(args: &SavepointOf) -> Result<()> {
    let (objects, found) = open(&args.state.directory)?;
    let removed = found.remove_savepoint(&objects, &args.name)?;
    println!("savepoint '{}' removed, with {removed} state files", args.name);
    Ok(())
}
