//! What operators give ahead of their next checkpoint. It is written as it comes, so that its memory can be used again: what
//! is little waits for the rest.
//!
//! ```text
//!  a join's left changes  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│▒▒▒   a file of their own, which is complete at the checkpoint
//!  its right changes      ▒▒▒                     │▒▒   stand in the operator's file, written at the checkpoint
//! ```
//!
//! Files that no manifest names yet belong to this run, which alone removes them; after a crash those that follow do, as all
//! that no manifest names.

use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::path::Path;
use sloth_types::journal::{OperatorState, Section};
use sloth_types::threads::Condvar;
use sloth_types::{Epoch, Error, Result};

use crate::keeper::fenced;
use crate::manifest::StateFile;
use crate::objects::Objects;
use crate::state::Long;
use crate::{frame, layout, state};

/// Who gives ahead waits when so much is not written yet.
const WAITING_MAX: usize = 32 << 20;

/// What all operators have given ahead.
#[derive(Default)]
pub(crate) struct Ahead {
    given: Vec<Given>,
    /// Files so far.
    files: u64,
}

/// What an operator on a worker has given since a checkpoint.
struct Given {
    since: Epoch,
    /// What is not written yet.
    rest: OperatorState,
    /// Files that are complete.
    written: Vec<StateFile>,
    /// Files that are not, by table.
    growing: Vec<(String, Long)>,
}

impl Ahead {
    /// Takes what has been given, and writes what is much.
    ///
    /// # Errors
    /// When the store refuses; when another run has taken over.
    pub(crate) fn take_in(
        &mut self,
        objects: &Objects,
        generation: u64,
        since: Epoch,
        changes: OperatorState,
    ) -> Result<()> {
        let known = self.given.iter().position(|given| given.since == since && given.rest.is_beside(&changes));
        let at = match known {
            Some(at) if changes.continues => at,
            known => {
                known.map(|at| self.given.remove(at)).map_or(Ok(()), |void| void.remove(objects))?;
                let rest = OperatorState { sections: vec![], ..changes.clone() };
                self.given.push(Given { since, rest, written: vec![], growing: vec![] });
                self.given.len() - 1
            }
        };
        let Some(given) = self.given.get_mut(at) else { return Ok(()) };
        given.rest.go_on_with(OperatorState { continues: true, ..changes });
        for at in 0..given.rest.sections.len() {
            given.write(at, objects, || {
                self.files += 1;
                layout::state_ahead(generation, since.0, self.files)
            })?;
        }
        Ok(())
    }

    /// A part of the checkpoint before `epoch` with what was given ahead of it: the files that are written, and the rest, to
    /// be written now.
    ///
    /// # Errors
    /// As [`Ahead::take_in`].
    pub(crate) fn finish(
        &mut self,
        objects: &Objects,
        epoch: Epoch,
        part: OperatorState,
    ) -> Result<(Vec<StateFile>, OperatorState)> {
        let known = self.given.iter().position(|given| given.since < epoch && given.rest.is_beside(&part));
        let Some(mut given) = known.map(|at| self.given.remove(at)) else { return Ok((vec![], part)) };
        if !part.continues {
            given.remove(objects)?;
            return Ok((vec![], part));
        }
        given.rest.go_on_with(part);
        for (name, mut file) in given.growing {
            for section in given.rest.sections.iter_mut().filter(|section| section.name == name) {
                write_to(&mut file, section)?;
            }
            given.written.push(file.finish()?.ok_or_else(fenced)?);
        }
        Ok((given.written, given.rest))
    }

    /// Nothing is left that was given before this epoch.
    ///
    /// # Errors
    /// When something is: it belongs to a checkpoint that knows nothing of it.
    pub(crate) fn check(&self, epoch: Epoch) -> Result<()> {
        match self.given.iter().find(|given| given.since < epoch) {
            Some(Given { rest: OperatorState { operator, name, .. }, .. }) => Err(Error::internal(format!(
                "the checkpoint before epoch {epoch} has nothing of {name} {operator:016x}, which has given changes ahead"
            ))),
            None => Ok(()),
        }
    }

    /// True when nothing has been given that is not in a checkpoint.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// True for a file that the next manifests will name.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.given.iter().flat_map(|given| &given.written).any(|file| file.path == path.as_ref())
    }
}

impl Given {
    /// Writes a table of what is not written yet, if there is enough of it.
    fn write(&mut self, at: usize, objects: &Objects, mut path: impl FnMut() -> Path) -> Result<()> {
        let Some(section) = self.rest.sections.get_mut(at) else { return Ok(()) };
        let Some(schema) = section.rows.first().map(|rows| rows.schema()) else { return Ok(()) };
        let growing = self.growing.iter_mut().find(|(name, _)| *name == section.name);
        if let Some((_, file)) = growing.filter(|(_, file)| file.takes(&schema)) {
            return write_to(file, section);
        }
        if memory_of(section) < objects.written_ahead() {
            return Ok(());
        }
        let OperatorState { operator, worker, continues, .. } = self.rest;
        let about = OperatorState { operator, name: self.rest.name.clone(), worker, continues, sections: vec![] };
        let table = Section::new(&section.name, section.owner.clone(), vec![]);
        if let Some(directory) = objects.local() {
            let mut file = Long::new(directory, path(), about, table, schema)?;
            write_to(&mut file, section)?;
            // One of other columns than before is complete.
            let (complete, growing) =
                std::mem::take(&mut self.growing).into_iter().partition(|(name, _)| *name == section.name);
            self.growing = growing;
            for (_, before) in Vec::from_iter(complete) {
                self.written.push(before.finish()?.ok_or_else(fenced)?);
            }
            self.growing.push((section.name.clone(), file));
            return Ok(());
        }
        let rows = std::mem::take(&mut section.rows);
        let all = OperatorState { sections: vec![Section { rows, ..table }], ..about };
        self.written.push(create(objects, &path(), &all)?);
        Ok(())
    }

    fn remove(self, objects: &Objects) -> Result<()> {
        self.written.iter().try_for_each(|file| objects.remove(&Path::from(file.path.as_str())))
    }
}

/// Writes the rows of a table, as far as they are of one schema, and forgets them.
fn write_to(file: &mut Long, section: &mut Section) -> Result<()> {
    while let Some(rows) = section.rows.first().filter(|rows| file.takes(&rows.schema())) {
        file.write(rows)?;
        section.rows.remove(0);
    }
    Ok(())
}

fn memory_of(section: &Section) -> usize {
    section.rows.iter().map(|rows| rows.get_array_memory_size()).sum()
}

/// Creates a state file.
///
/// # Errors
/// When the store refuses; when another run has taken over.
pub(crate) fn create(objects: &Objects, path: &Path, part: &OperatorState) -> Result<StateFile> {
    let object = state::encode(part)?;
    let bytes = object.iter().map(bytes::Bytes::len).sum();
    let crc32 = object.first().map(frame::sum_of).unwrap_or_default();
    if !objects.create_from(path, object)? {
        return Err(fenced());
    }
    Ok(StateFile {
        path: path.to_string(),
        operator: format!("{:016x}", part.operator),
        name: part.name.clone(),
        worker: part.worker,
        rows: part.sections.iter().flat_map(|s| &s.rows).map(|b| b.num_rows()).sum(),
        bytes,
        crc32,
    })
}

/// How much has been given that is not written yet: who gives more than can be written waits.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    less: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    over: bool,
}

impl Backlog {
    /// Bytes have been given; waits until others may be.
    pub(crate) fn add(&self, bytes: usize) {
        let mut waiting = self.lock();
        waiting.bytes += bytes;
        while waiting.bytes > WAITING_MAX && !waiting.over {
            waiting = self.less.wait(&self.waiting, waiting);
        }
    }

    /// Bytes have been taken in.
    pub(crate) fn remove(&self, bytes: usize) {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        self.less.notify_all();
    }

    /// Nothing more is taken in as soon as what is returned is gone: then nobody waits.
    pub(crate) fn ends(&self) -> Ending<'_> {
        Ending(self)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a [`Backlog`].
pub(crate) struct Ending<'b>(&'b Backlog);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.less.notify_all();
    }
}

/// Memory of what an operator gives.
pub(crate) fn weight_of(changes: &OperatorState) -> usize {
    changes.sections.iter().map(memory_of).sum()
}
