//! What a running job is asked for from outside, through its state directory.
//!
//! ```text
//!  asker:  create requests/<id>.json ─────────────────────────────▶ read and remove answers/<id>.json
//!  job:         read and remove it ─▶ make a checkpoint ─▶ create savepoints/<name>.json ─▶ create answers/<id>.json
//! ```
//!
//! A request that has gone has been heard; one that stays is heard by nobody, and may be taken back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sloth_types::journal::{Asked, Stop};
use sloth_types::{Clock, Epoch, Error, Result};

use crate::frame::{self, Kind};
use crate::layout;
use crate::manifest::Manifest;
use crate::objects::Objects;
use crate::savepoint::{Savepoint, taken};

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// A savepoint of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savepoint: Option<String>,
    /// The job shall stop.
    #[serde(default)]
    pub stop: bool,
    /// Before it stops, everything that waits for the watermark comes out.
    #[serde(default)]
    pub drain: bool,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The checkpoint that was made: the first epoch that it does not contain.
    pub epoch: u64,
    /// Why there is no savepoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The job has ended before it could make one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

/// A request that has been made.
pub struct Asking {
    objects: Objects,
    id: String,
}

impl Asking {
    /// Asks the job.
    ///
    /// # Errors
    /// When the request cannot be written.
    pub fn ask(objects: &Objects, request: &Request) -> Result<Asking> {
        let id = format!("{}-{}", Clock::System.now_ms(), std::process::id());
        let text = serde_json::to_vec(request).map_err(|e| Error::internal(e.to_string()))?;
        // Who hears it at once removes it at once: written again it would be for another run.
        objects.create(&layout::request(&id), frame::wrap(Kind::Request, &text))?;
        Ok(Asking { objects: objects.clone(), id })
    }

    /// True when a job has heard it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn is_heard(&self) -> Result<bool> {
        Ok(!self.objects.exists(&layout::request(&self.id))?)
    }

    /// Takes it back; a job may have heard it all the same.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn take_back(&self) -> Result<()> {
        self.objects.remove(&layout::request(&self.id))
    }

    /// The answer, if it has come; it is taken away.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn answer(&self) -> Result<Option<Answer>> {
        let path = layout::answer(&self.id);
        if !self.objects.exists(&path)? {
            return Ok(None);
        }
        let payload = frame::unwrap(Kind::Answer, &self.objects.read(&path)?, path.as_ref())?;
        self.objects.remove(&path)?;
        serde_json::from_slice(&payload).map(Some).map_err(|e| Error::data(format!("'{path}' is damaged: {e}")))
    }
}

/// What a running job has heard and not answered yet.
#[derive(Default)]
pub(crate) struct Heard {
    open: Mutex<Vec<Open>>,
    stop: Mutex<Option<Stop>>,
    /// A checkpoint stands that answers who has asked the job to stop.
    stopped: AtomicBool,
}

struct Open {
    id: String,
    request: Request,
    /// The checkpoint that will be the answer.
    with: Option<u64>,
}

impl Heard {
    /// Looks for requests; true when there are new ones.
    pub(crate) fn listen(&self, objects: &Objects) -> Result<bool> {
        let mut new = false;
        for path in objects.list(layout::REQUESTS)? {
            let Some(id) = layout::name_of(&path) else { continue };
            let request = objects.read(&path).and_then(|object| {
                let payload = frame::unwrap(Kind::Request, &object, path.as_ref())?;
                serde_json::from_slice::<Request>(&payload).map_err(|e| Error::data(format!("'{path}': {e}")))
            });
            objects.remove(&path)?;
            let request = match request {
                Ok(request) => request,
                Err(error) => {
                    tracing::warn!("a request cannot be understood: {error}");
                    continue;
                }
            };
            if request.stop {
                *lock(&self.stop) = Some(if request.drain { Stop::Drained } else { Stop::AsItIs });
            }
            lock(&self.open).push(Open { id, request, with: None });
            new = true;
        }
        Ok(new)
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked { checkpoint: lock(&self.open).iter().any(|o| o.with.is_none()), stop: *lock(&self.stop) }
    }

    /// True when the job was asked to stop, and has made a checkpoint since.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// The checkpoint before `epoch` answers what has been heard so far.
    pub(crate) fn answer_with(&self, epoch: Epoch) {
        lock(&self.open).iter_mut().filter(|o| o.with.is_none()).for_each(|o| o.with = Some(epoch.0));
    }

    /// A checkpoint stands: names it and tells those who wait for it.
    pub(crate) fn answer(&self, objects: &Objects, manifest: &Manifest) -> Result<()> {
        let (answered, rest): (Vec<Open>, Vec<Open>) =
            lock(&self.open).drain(..).partition(|o| o.with.is_some_and(|epoch| epoch <= manifest.epoch));
        *lock(&self.open) = rest;
        self.stopped.fetch_or(answered.iter().any(|open| open.request.stop), Ordering::SeqCst);
        for Open { id, request, .. } in answered {
            let made = match &request.savepoint {
                Some(name) => Savepoint::create(objects, name, why(&request), manifest)
                    .and_then(|made| if made { Ok(()) } else { Err(taken(name)) }),
                None => Ok(()),
            };
            let error = made.err().map(|e| e.to_string());
            write(objects, &id, &Answer { epoch: manifest.epoch, error, ended: false })?;
        }
        Ok(())
    }

    /// The job ends: tells those who wait still.
    pub(crate) fn end(&self, objects: &Objects) -> Result<()> {
        let open = std::mem::take(&mut *lock(&self.open));
        open.iter().try_for_each(|o| write(objects, &o.id, &Answer { epoch: 0, error: None, ended: true }))
    }
}

fn write(objects: &Objects, id: &str, answer: &Answer) -> Result<()> {
    let text = serde_json::to_vec(answer).map_err(|e| Error::internal(e.to_string()))?;
    objects.create(&layout::answer(id), frame::wrap(Kind::Answer, &text)).map(|_| ())
}

fn why(request: &Request) -> &'static str {
    match request {
        Request { drain: true, .. } => "at the drained end",
        Request { stop: true, .. } => "at a stop",
        _ => "while the job ran",
    }
}

/// Answers those who ask a job that has failed and waits to start again; true when it is to stop.
///
/// # Errors
/// When the store does not answer.
pub fn refuse_requests(objects: &Objects, failure: &Error) -> Result<bool> {
    let heard = Heard::default();
    heard.listen(objects)?;
    for Open { id, request, .. } in lock(&heard.open).drain(..) {
        let what = match request.stop {
            true => "it has ended now, where it was",
            false => "ask again when it runs",
        };
        let error = Some(format!("the job has failed and waits to start again ({what}): {}", failure.message()));
        write(objects, &id, &Answer { epoch: 0, error, ended: true })?;
    }
    Ok(heard.asked().stop.is_some())
}

/// Removes answers that nobody has fetched.
pub(crate) fn forget_answers(objects: &Objects) -> Result<()> {
    objects.list(layout::ANSWERS)?.iter().try_for_each(|path| objects.remove(path))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
