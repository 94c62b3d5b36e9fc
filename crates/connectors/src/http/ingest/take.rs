//! The thread that takes rows in: becomes the writer of the journal, opens the door, and writes what comes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sloth_types::{Clock, Result};

use super::HttpSource;
use super::journal::{Journal, Post, Writer};
use super::server::{self, Route, Served};
use crate::format::physical_columns;

/// A thread that waits looks so often whether it is still needed.
const PATIENCE: Duration = Duration::from_millis(50);
/// Requests written together.
const GROUP_MAX: usize = 4096;
const GROUP_BYTES: usize = 8 << 20;

/// The thread that takes in.
pub(super) struct Taking {
    pub(super) source: HttpSource,
    pub(super) journal: Arc<Journal>,
    pub(super) clock: Clock,
    pub(super) ended: Arc<AtomicBool>,
    #[cfg(test)]
    pub(super) served: Arc<Mutex<Option<std::net::SocketAddr>>>,
}

impl Taking {
    fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Becomes the writer as soon as no other process is, then writes what comes. `started` is told that it goes well.
    pub(super) fn run(self, started: &mut Option<SyncSender<Result<()>>>) -> Result<()> {
        let mut tell = || started.take().map(|s| s.send(Ok(()))).is_some();
        let mut writer = loop {
            match Writer::claim(&self.journal, self.source.keep, self.clock.clone())? {
                Some(writer) => break writer,
                None if self.ended() => return Ok(()),
                None => {
                    if tell() {
                        let place = self.source.directory.display();
                        tracing::info!("another process takes in rows for the journal '{place}'; following it");
                    }
                    std::thread::sleep(PATIENCE);
                }
            }
        };
        let (queue, posts) = channel();
        let served = self.serve(queue)?;
        #[cfg(test)]
        {
            *self.served.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(served.address());
        }
        tell();
        let outcome = self.take_in(&mut writer, &posts);
        drop(served);
        outcome
    }

    fn serve(&self, queue: Sender<Post>) -> Result<Served> {
        let source = &self.source;
        let route = Route {
            table: source.table.name.to_string(),
            format: source.format.clone(),
            schema: physical_columns(&source.table),
            token: source.token.clone(),
            body_max: source.body_max,
            backlog_max: source.backlog_max,
            journal: Arc::clone(&self.journal),
            queue: Mutex::new(queue),
            queued: AtomicUsize::new(0),
        };
        server::serve(&source.listen, &source.path, route)
    }

    fn take_in(&self, writer: &mut Writer, posts: &Receiver<Post>) -> Result<()> {
        while !self.ended() {
            let first = match posts.recv_timeout(PATIENCE) {
                Ok(post) => post,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut bytes = first.records.bytes.len();
            let mut group = vec![first];
            while group.len() < GROUP_MAX && bytes < GROUP_BYTES {
                let Ok(post) = posts.try_recv() else { break };
                bytes += post.records.bytes.len();
                group.push(post);
            }
            writer.store(group)?;
        }
        Ok(())
    }
}
