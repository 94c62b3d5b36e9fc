//! The checkpoint that a run has begun with: its own first one may go on with the files of that.

use std::collections::HashMap;

use sloth_types::Error;
use sloth_types::journal::{Checkpoint, Continued, Owner};

use crate::manifest::Manifest;

/// What a checkpoint has by operator and worker.
pub(crate) type Parts = HashMap<(u64, usize), Continued>;

/// The checkpoint of an earlier run whose files this run's may go on with.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) manifest: Option<Manifest>,
    /// What it has by operator and worker.
    pub(crate) parts: Parts,
}

impl Before {
    /// Where the newest checkpoint is damaged, an older run that cleans up may know nothing of one before it.
    pub(crate) fn of(manifest: Option<Manifest>, damaged: &[Error], checkpoint: Option<&Checkpoint>) -> Before {
        let (Some(manifest), Some(checkpoint), []) = (manifest, checkpoint, damaged) else { return Before::default() };
        let mut parts = Parts::new();
        for (file, part) in manifest.state.iter().zip(&checkpoint.state) {
            let known = parts.entry((part.operator, part.worker)).or_default();
            if part.continues {
                known.changes += file.bytes;
                // Several checkpoints may have been put together: each has told the same numbers once.
                let told = part.sections.iter().filter(|s| s.owner == Owner::Everyone).map(|s| s.rows.len()).max();
                known.times += told.unwrap_or_default().max(1);
            } else {
                known.whole += file.bytes;
            }
        }
        Before { manifest: Some(manifest), parts }
    }
}
