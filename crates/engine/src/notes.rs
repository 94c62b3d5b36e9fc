//! What sources have noted: with which epoch each note is logged, and all of them together for checkpoints.

use std::collections::VecDeque;
use std::sync::Arc;

use sloth_types::Epoch;
use sloth_types::journal::{Cut, SourceNote};

use crate::io::board::Board;

/// The notes of all sources. A checkpoint has those that are logged with its epochs and no others: a run that follows the log
/// must know the same ones.
#[derive(Debug)]
pub(crate) struct Notes {
    logged: Vec<Arc<Vec<String>>>,
    /// Of epochs that are made again.
    replayed: VecDeque<(Epoch, Vec<SourceNote>)>,
}

impl Notes {
    /// Of a job that goes on from `cut`.
    pub(crate) fn new(sources: usize, cut: &Cut) -> Self {
        let logged = (0..sources).map(|source| cut.notes.get(source).cloned().unwrap_or_default());
        Notes { logged: logged.collect(), replayed: VecDeque::new() }
    }

    /// `epoch` is made again and has these.
    pub(crate) fn expect(&mut self, epoch: Epoch, notes: Vec<SourceNote>) {
        if !notes.is_empty() {
            self.replayed.push_back((epoch, notes));
        }
    }

    /// Those of an epoch that has been read by all. What sources note while epochs are made again waits for the next new one.
    pub(crate) fn of_epoch(&mut self, epoch: Epoch, replayed: bool, board: &Board) -> Vec<SourceNote> {
        let mut notes = vec![];
        if replayed {
            while let Some((_, logged)) = self.replayed.pop_front_if(|(of, _)| *of <= epoch) {
                notes = logged;
            }
        } else {
            for (source, board) in board.sources.iter().enumerate() {
                let new = board.source.get().map(|source| source.new_notes()).unwrap_or_default();
                notes.extend(new.into_iter().map(|note| SourceNote { source, note }));
            }
        }
        for note in &notes {
            if let Some(logged) = self.logged.get_mut(note.source) {
                Arc::make_mut(logged).push(note.note.clone());
            }
        }
        notes
    }

    /// All up to the last epoch.
    pub(crate) fn so_far(&self) -> Vec<Arc<Vec<String>>> {
        self.logged.clone()
    }
}
