//! Manifests: a checkpoint exists if and only if its manifest does.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sloth_types::journal::{Checkpoint, Cut, OperatorState, Retelling, SplitCut};
use sloth_types::source::SplitId;
use sloth_types::{Epoch, Error, Offset, Result, Watermark};

use crate::frame::{self, Kind};
use crate::plans::Plan;

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The first epoch that is not contained.
    pub epoch: u64,
    /// The job's name; empty in those of earlier releases.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// The run that made it.
    pub generation: u64,
    /// The plan that it was made with.
    #[serde(default = "first")]
    pub plan: u64,
    /// Number of workers that wrote it.
    pub workers: usize,
    /// The wall clock of the last epoch (ms).
    pub now: i64,
    /// The input had ended.
    pub ended: bool,
    /// It had not, but everything that waited for the watermark was given out: nothing can come after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
    /// The watermark of each source (ms).
    pub watermarks: Vec<i64>,
    /// The splits of each source.
    pub splits: Vec<Vec<Split>>,
    /// What each source has noted; absent where none has, and in those of earlier releases.
    #[serde(default, skip_serializing_if = "nothing_noted")]
    pub notes: Vec<Vec<String>>,
    /// The state files.
    pub state: Vec<StateFile>,
    /// What has to be told once more in the first epoch after it, where a plan begins.
    #[serde(default, skip_serializing_if = "Retold::is_empty")]
    pub retold: Retold,
}

/// Operators that tell all that stands, and those that are new and are told it, by their identities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retold {
    /// Who tells.
    pub by: Vec<String>,
    /// Who is told.
    pub to: Vec<String>,
}

impl Retold {
    /// True when nothing is told.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    fn retelling(&self) -> Result<Retelling> {
        let number = |text: &String| {
            u64::from_str_radix(text, 16).map_err(|e| Error::data(format!("the operator '{text}' of a manifest: {e}")))
        };
        let all = |texts: &[String]| texts.iter().map(number).collect::<Result<Vec<u64>>>();
        Ok(Retelling { tellers: all(&self.by)?, listeners: all(&self.to)? })
    }
}

fn first() -> u64 {
    1
}

fn nothing_noted(notes: &[Vec<String>]) -> bool {
    notes.iter().all(Vec::is_empty)
}

/// Where a split stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Its name.
    pub split: String,
    /// The position after the last epoch.
    pub offset: u64,
    /// What its rows have promised (ms).
    pub watermark: i64,
}

/// A state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// The object's name.
    pub path: String,
    /// The operator's identity.
    pub operator: String,
    /// The operator's name.
    pub name: String,
    /// The worker that wrote it.
    pub worker: usize,
    /// Rows of all its tables.
    pub rows: usize,
    /// Size of the object.
    pub bytes: usize,
    /// Its checksum, as in its first line: a file of another checkpoint does not take its place.
    pub crc32: String,
}

impl Manifest {
    /// The manifest of a cut with these files.
    pub(crate) fn new(cut: &Cut, generation: u64, plan: &Plan, state: Vec<StateFile>) -> Self {
        let split = |s: &SplitCut| Split { split: s.split.to_string(), offset: s.offset.0, watermark: s.watermark.0 };
        Manifest {
            epoch: cut.epoch.0,
            job: plan.job.clone(),
            generation,
            plan: plan.number,
            workers: cut.workers,
            now: cut.now_ms,
            ended: cut.ended,
            drained: cut.drained,
            watermarks: cut.watermarks.iter().map(|w| w.0).collect(),
            splits: cut.splits.iter().map(|source| source.iter().map(split).collect()).collect(),
            notes: cut.notes.iter().map(|notes| notes.to_vec()).collect(),
            state,
            retold: Retold::default(),
        }
    }

    /// The checkpoint that it describes, given the state that it names.
    pub(crate) fn checkpoint(&self, state: Vec<OperatorState>) -> Result<Checkpoint> {
        Ok(Checkpoint { cut: self.cut(), state, retelling: self.retold.retelling()? })
    }

    /// The cut it describes.
    pub(crate) fn cut(&self) -> Cut {
        let split = |s: &Split| SplitCut {
            split: SplitId::new(s.split.as_str()),
            offset: Offset(s.offset),
            watermark: Watermark(s.watermark),
        };
        Cut {
            epoch: Epoch(self.epoch),
            workers: self.workers,
            now_ms: self.now,
            watermarks: self.watermarks.iter().map(|w| Watermark(*w)).collect(),
            splits: self.splits.iter().map(|source| source.iter().map(split).collect()).collect(),
            notes: self.notes.iter().map(|notes| Arc::new(notes.clone())).collect(),
            ended: self.ended,
            drained: self.drained,
        }
    }

    /// The manifest as an object.
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_vec_pretty(self);
        let text = text.map_err(|e| Error::internal(format!("a manifest cannot be written: {e}")))?;
        Ok(frame::wrap(Kind::Manifest, &text))
    }

    /// An object as a manifest.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn decode(object: &Bytes, name: &str) -> Result<Manifest> {
        let payload = frame::unwrap(Kind::Manifest, object, name)?;
        serde_json::from_slice(&payload).map_err(|e| Error::data(format!("'{name}' is damaged: {e}")))
    }
}
