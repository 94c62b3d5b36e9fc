//! An object store with the few calls that are needed here, waiting for each.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use sloth_types::{Error, Result, threads};

use crate::directory::Directory;
use crate::layout;

/// The objects of one job.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<tokio::runtime::Runtime>,
    /// Where objects are files, their directory: they are created there so that they survive a loss of power.
    directory: Option<Arc<Directory>>,
    /// How often an operation is tried whose connection has broken.
    tries: usize,
    /// Where objects are in S3, what gives a client with more patience.
    patient: Option<Arc<AmazonS3Builder>>,
    prefix: Path,
    written_ahead: usize,
}

/// So much of an operator's table is written before the checkpoint that it belongs to.
const AHEAD_BYTES: usize = 4 << 20;

/// Objects larger than this are read in parts of so many bytes, and written with time in proportion.
const LARGE_BYTES: u64 = 8 << 20;
/// How long a request may take, however little it carries.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// A connection that carries fewer bytes a second than this is of no use for state.
const SLOWEST: u64 = 128 << 10;

/// What the store of local files calls itself in its errors.
const LOCAL: &str = "LocalFileSystem";
/// How places in S3 begin.
const S3: &str = "s3://";
/// How often an operation of S3 is tried, beside what its client does by itself where nothing can have happened yet.
const TRIES: usize = 4;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// What waits for the log waits for the longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After so long the store is out of order, and the job fails, to start again as it has been told to.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

impl Objects {
    /// True for a place that is not a directory of this machine.
    pub fn is_remote(place: &std::path::Path) -> bool {
        place.to_str().is_some_and(|place| place.starts_with(S3))
    }

    /// The objects at a place: `s3://bucket/prefix`, or a directory.
    ///
    /// # Errors
    /// When the place cannot be used.
    pub fn at(place: &std::path::Path) -> Result<Objects> {
        let text = place.to_str().unwrap_or_default();
        match text.split_once("://") {
            Some(("s3", place)) => Objects::s3(place),
            Some(("file", path)) => Objects::directory(std::path::Path::new(path)),
            Some((other, _)) => {
                Err(Error::invalid(format!("state cannot be kept at '{text}': '{other}://' is not known"))
                    .hint("Give a directory, or s3://bucket/prefix."))
            }
            None => Objects::directory(place),
        }
    }

    /// The objects under a prefix of an S3 bucket. Address and keys are taken from the environment, by the names that
    /// other tools of S3 use (`AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, …).
    fn s3(place: &str) -> Result<Objects> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let builder = AmazonS3Builder::from_env().with_retry(retry_config()).with_bucket_name(bucket);
        let store = builder.clone().build().map_err(|e| {
            Error::invalid(format!("the state at 's3://{place}' cannot be used: {e}"))
                .hint("Set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for another store than Amazon's also AWS_ENDPOINT, and AWS_ALLOW_HTTP=true where that is http://.")
        })?;
        let prefix = Path::parse(prefix).map_err(|e| Error::invalid(format!("'s3://{place}' is no place: {e}")))?;
        let objects = Objects::new(Arc::new(PrefixStore::new(store, prefix.clone())))?;
        Ok(Objects { tries: TRIES, patient: Some(Arc::new(builder)), prefix, ..objects })
    }

    /// The objects in a directory, which is made when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory(path: &std::path::Path) -> Result<Objects> {
        let failed = |e: &(dyn std::error::Error + 'static)| {
            Error::of_file(format_args!("the state directory '{}' cannot be used", path.display()), e)
                .hint("Give a directory on a local disk that you may write to.")
        };
        std::fs::create_dir_all(path).map_err(|e| failed(&e))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|e| failed(&e))?.with_automatic_cleanup(true);
        let path = path.canonicalize().map_err(|e| failed(&e))?;
        Ok(Objects { directory: Some(Arc::new(Directory::new(path))), ..Objects::new(Arc::new(store))? })
    }

    /// The objects of any store.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub fn new(store: Arc<dyn ObjectStore>) -> Result<Objects> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::unavailable(format!("cannot start a runtime: {e}")))?;
        Ok(Objects {
            store,
            runtime: Arc::new(runtime),
            directory: None,
            tries: 1,
            patient: None,
            prefix: Path::default(),
            written_ahead: AHEAD_BYTES,
        })
    }

    /// Of a table so many bytes are written before the checkpoint that they belong to.
    #[must_use]
    pub fn writing_ahead(self, bytes: usize) -> Objects {
        Objects { written_ahead: bytes, ..self }
    }

    /// See [`Objects::writing_ahead`].
    pub(crate) fn written_ahead(&self) -> usize {
        self.written_ahead
    }

    /// Creates an object; false when there is one of this name already, or when somebody else has removed it at once.
    pub(crate) fn create(&self, path: &Path, object: Bytes) -> Result<bool> {
        self.create_from(path, vec![object])
    }

    /// Creates an object from its pieces, as [`Objects::create`].
    pub(crate) fn create_from(&self, path: &Path, pieces: Vec<Bytes>) -> Result<bool> {
        if let Some(directory) = &self.directory {
            let created = directory.create(path.as_ref(), &pieces);
            let name = || directory.whole_name(path.as_ref());
            return created.map_err(|e| Error::of_file(format_args!("'{}' cannot be written", name()), &e));
        }
        let store = self.store_for(pieces.iter().map(|piece| piece.len() as u64).sum());
        let put = || {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            self.runtime.block_on(store.put_opts(path, PutPayload::from_iter(pieces.iter().cloned()), options))
        };
        for _ in 0..self.tries {
            match self.insist(put) {
                Ok(_) => return Ok(true),
                Err(error @ object_store::Error::AlreadyExists { .. }) => match self.has(path, &pieces)? {
                    // An answer may have been lost, and the client have tried again: then what is in the way is this object.
                    Some(ours) => return Ok(ours),
                    None if self.is_conflict(&error) => threads::sleep(TRY_AGAIN_AFTER),
                    None => return Ok(false),
                },
                Err(error) => return Err(failed("written", path, &error)),
            }
        }
        Err(Error::unavailable(format!("'{path}' cannot be written: other requests to write it are always under way")))
    }

    /// True when an S3 store has refused to create an object not because there is one, but because another request to create
    /// it is under way, perhaps an earlier one of this process: nobody knows yet what will come of it.
    fn is_conflict(&self, error: &object_store::Error) -> bool {
        // The client calls both of them "already exists", and keeps its own error for the first.
        let refusal = std::error::Error::source(error).and_then(|source| source.downcast_ref::<object_store::Error>());
        self.patient.is_some() && refusal.is_none()
    }

    /// Carries an operation out that may be repeated, again when the connection has broken.
    fn insist<T>(&self, mut operation: impl FnMut() -> object_store::Result<T>) -> object_store::Result<T> {
        let mut left = self.tries;
        loop {
            left = left.saturating_sub(1);
            match operation() {
                Err(object_store::Error::Generic { .. }) if left > 0 => threads::sleep(TRY_AGAIN_AFTER),
                done => return done,
            }
        }
    }

    /// Whether the object of this name consists of these pieces; `None` when there is none. No two writers write the same
    /// under one name, see [`log::encode`](crate::log::encode).
    fn has(&self, path: &Path, pieces: &[Bytes]) -> Result<Option<bool>> {
        Ok(self.find(path)?.map(|object| {
            let mut rest = &object[..];
            let begins = |piece: &Bytes| rest.strip_prefix(&piece[..]).map(|after| rest = after).is_some();
            pieces.iter().all(begins) && rest.is_empty()
        }))
    }

    /// Reads an object that may not be there.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Bytes>> {
        match self.get(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", path, &error)),
        }
    }

    fn get(&self, path: &Path) -> object_store::Result<Bytes> {
        let small = self.insist(|| {
            self.runtime.block_on(async {
                let found = self.store.get(path).await?;
                match found.meta.size {
                    size if size > LARGE_BYTES => Ok(Err(size)),
                    _ => found.bytes().await.map(Ok),
                }
            })
        })?;
        match small {
            Ok(bytes) => Ok(bytes),
            Err(size) => self.get_parts(path, size),
        }
    }

    /// Reads a large object part by part: each has as long as a small one, and only a part is asked for again.
    fn get_parts(&self, path: &Path, size: u64) -> object_store::Result<Bytes> {
        let mut object = Vec::with_capacity(size as usize);
        for start in (0..size).step_by(LARGE_BYTES as usize) {
            let part = start..size.min(start + LARGE_BYTES);
            let bytes = self.insist(|| self.runtime.block_on(self.store.get_range(path, part.clone())))?;
            object.extend_from_slice(&bytes);
        }
        Ok(object.into())
    }

    /// The store for an object of this size: it waits longer for the answer to what is long on its way.
    fn store_for(&self, bytes: u64) -> Arc<dyn ObjectStore> {
        let usual = || Arc::clone(&self.store);
        let Some(builder) = self.patient.as_deref().filter(|_| bytes > LARGE_BYTES) else { return usual() };
        let (time, builder) = (time_for(bytes), builder.clone());
        let retry = RetryConfig { retry_timeout: GIVE_UP_AFTER.max(2 * time), ..retry_config() };
        let builder =
            builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), format!("{}s", time.as_secs()));
        match builder.with_retry(retry).build() {
            Ok(store) => Arc::new(PrefixStore::new(store, self.prefix.clone())),
            Err(_) => usual(),
        }
    }

    /// The directory, where objects are files.
    pub(crate) fn local(&self) -> Option<&Directory> {
        self.directory.as_deref()
    }

    /// Tells whoever looks that the run in charge lives: `text` must be another one each time.
    pub(crate) fn beat(&self, text: String) -> Result<()> {
        let path = Path::from(layout::ALIVE);
        match &self.directory {
            Some(directory) => Ok(directory.overwrite(layout::ALIVE, &text)?),
            None => {
                let put = self.runtime.block_on(self.store.put(&path, PutPayload::from(text)));
                put.map(|_| ()).map_err(|e| failed("written", &path, &e))
            }
        }
    }

    /// True when there is an object of this name.
    pub(crate) fn exists(&self, path: &Path) -> Result<bool> {
        match self.insist(|| self.runtime.block_on(self.store.head(path))) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("looked at", path, &error)),
        }
    }

    /// Reads an object.
    ///
    /// # Errors
    /// Of the kind `Data` when the object is missing or its disk cannot be read; of another one when that is not known, as
    /// the store does not answer.
    pub(crate) fn read(&self, path: &Path) -> Result<Bytes> {
        if let Some(directory) = &self.directory {
            let read = directory.read(path.as_ref());
            return read.map_err(|e| {
                let name = directory.whole_name(path.as_ref());
                unreadable(path, &name, &e)
            });
        }
        self.get(path).map_err(|e| match e {
            object_store::Error::NotFound { .. } => Error::data(format!("'{path}' cannot be read: it is missing")),
            error => failed("read", path, &error),
        })
    }

    /// The names under a prefix, in their order. What is there all the time is among them; of what comes or goes meanwhile any
    /// part may be: a later object and not the one before it.
    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<Path>> {
        let mut list = if let Some(directory) = &self.directory {
            let list = directory.list(prefix);
            list.map_err(|e| Error::of_file(format_args!("'{}' cannot be listed", directory.whole_name(prefix)), &e))?
        } else {
            let prefix = Path::from(prefix);
            let list = self.insist(|| {
                let list = self.store.list(Some(&prefix)).map_ok(|object| object.location);
                self.runtime.block_on(list.try_collect::<Vec<_>>())
            });
            list.map_err(|e| failed("listed", &prefix, &e))?
        };
        list.retain(layout::is_proper);
        list.sort();
        Ok(list)
    }

    /// Removes an object; one that is not there is removed already.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        match self.insist(|| self.runtime.block_on(self.store.delete(path))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removed", path, &error)),
        }
    }

    /// Removes objects as [`Objects::remove`]. Files go one after the other; in a bucket a thousand go with one request, in any
    /// order.
    pub(crate) fn remove_all(&self, paths: &[Path]) -> Result<()> {
        if self.directory.is_some() {
            return paths.iter().try_for_each(|path| self.remove(path));
        }
        let Some(first) = paths.first() else { return Ok(()) };
        let removed = self.insist(|| {
            let paths: Vec<_> = paths.iter().cloned().map(Ok).collect();
            let mut removed = self.store.delete_stream(stream::iter(paths).boxed());
            self.runtime.block_on(async {
                while let Some(one) = removed.next().await {
                    match one {
                        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            })
        });
        removed.map_err(|error| failed("removed", first, &error))
    }

    /// Removes what runs that were killed while they wrote have left half done. What another run is writing at this
    /// moment may go with it: that run then finds that it is not in charge.
    pub(crate) fn tidy(&self) {
        if let Some(directory) = &self.directory {
            directory.tidy();
        }
    }
}

fn retry_config() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: LONGEST_PAUSE, ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: usize::MAX, retry_timeout: GIVE_UP_AFTER }
}

/// How long a request may take that carries so many bytes.
fn time_for(bytes: u64) -> Duration {
    REQUEST_TIME + Duration::from_secs(bytes / SLOWEST)
}

/// A file that is not there, or that the disk or the file system has lost, is damage, which others can make up for; but the
/// system may also lack file handles, memory, or the right to read.
fn unreadable(path: &Path, name: &str, error: &io::Error) -> Error {
    use io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound, UnexpectedEof};
    const EIO: i32 = 5;
    let is_damage = matches!(error.kind(), NotFound | NotADirectory | IsADirectory | InvalidData | UnexpectedEof);
    match is_damage || error.raw_os_error() == Some(EIO) {
        true => Error::data(format!("'{path}' cannot be read: {error}")),
        false => Error::of_file(format_args!("'{name}' cannot be read"), error),
    }
}

fn failed(what: &str, path: &Path, error: &object_store::Error) -> Error {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    let text = format!("'{path}' cannot be {what}: {error}");
    match error {
        object_store::Error::Generic { store: LOCAL, source } => {
            Error::of_file(format_args!("'{path}' cannot be {what}"), source.as_ref())
        }
        // Objects that are not there are no failures: this is the bucket.
        NotFound { .. } => Error::invalid(text).hint("Is there such a bucket?"),
        PermissionDenied { .. } | Unauthenticated { .. } => Error::invalid(text)
            .hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to keys that may read and write there."),
        _ => Error::unavailable(text),
    }
}

#[cfg(test)]
mod tests;
