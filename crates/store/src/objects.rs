//! An object store with the few calls that are needed here, waiting for each.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use sloth_types::{Error, Result};

use crate::directory::Directory;
use crate::layout;

/// The objects of one job.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<tokio::runtime::Runtime>,
    /// Where objects are files, their directory: they are created there so that they survive a loss of power.
    directory: Option<Arc<Directory>>,
}

/// How places in S3 begin.
const S3: &str = "s3://";

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
        match place.to_str().and_then(|place| place.strip_prefix(S3)) {
            Some(place) => Objects::s3(place),
            None => Objects::directory(place),
        }
    }

    /// The objects under a prefix of an S3 bucket. Address and keys are taken from the environment, by the names that
    /// other tools of S3 use (`AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, …).
    fn s3(place: &str) -> Result<Objects> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(|e| {
            Error::invalid(format!("the state at 's3://{place}' cannot be used: {e}"))
                .hint("Set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for another store than Amazon's also AWS_ENDPOINT, and AWS_ALLOW_HTTP=true where that is http://.")
        })?;
        let prefix = Path::parse(prefix).map_err(|e| Error::invalid(format!("'s3://{place}' is no place: {e}")))?;
        Objects::new(Arc::new(PrefixStore::new(store, prefix)))
    }

    /// The objects in a directory, which is made when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory(path: &std::path::Path) -> Result<Objects> {
        let failed = |e: String| {
            Error::unavailable(format!("the state directory '{}' cannot be used: {e}", path.display()))
                .hint("Give a directory on a local disk that you may write to.")
        };
        std::fs::create_dir_all(path).map_err(|e| failed(e.to_string()))?;
        let store =
            LocalFileSystem::new_with_prefix(path).map_err(|e| failed(e.to_string()))?.with_automatic_cleanup(true);
        let path = path.canonicalize().map_err(|e| failed(e.to_string()))?;
        Ok(Objects { directory: Some(Arc::new(Directory::new(path))), ..Objects::new(Arc::new(store))? })
    }

    /// The objects of any store.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub fn new(store: Arc<dyn ObjectStore>) -> Result<Objects> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::unavailable(format!("cannot start a runtime: {e}")))?;
        Ok(Objects { store, runtime: Arc::new(runtime), directory: None })
    }

    /// Creates an object; false when there is one of this name already, or when somebody else has removed it at once.
    pub(crate) fn create(&self, path: &Path, object: Bytes) -> Result<bool> {
        self.create_from(path, vec![object])
    }

    /// Creates an object from its pieces, as [`Objects::create`].
    pub(crate) fn create_from(&self, path: &Path, pieces: Vec<Bytes>) -> Result<bool> {
        if let Some(directory) = &self.directory {
            let created = directory.create(path.as_ref(), &pieces);
            return created.map_err(|e| Error::unavailable(format!("'{path}' cannot be written: {e}")));
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.runtime.block_on(self.store.put_opts(path, PutPayload::from_iter(pieces), options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed("written", path, &error)),
        }
    }

    /// Reads an object that may not be there.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Bytes>> {
        let read = async { self.store.get(path).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", path, &error)),
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
            None => match self.runtime.block_on(self.store.put(&path, PutPayload::from(text))) {
                Ok(_) => Ok(()),
                Err(error) => Err(failed("written", &path, &error)),
            },
        }
    }

    /// True when there is an object of this name.
    pub(crate) fn exists(&self, path: &Path) -> Result<bool> {
        match self.runtime.block_on(self.store.head(path)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("looked at", path, &error)),
        }
    }

    /// Reads an object.
    pub(crate) fn read(&self, path: &Path) -> Result<Bytes> {
        if let Some(directory) = &self.directory {
            let read = directory.read(path.as_ref());
            return read.map_err(|e| Error::unavailable(format!("'{path}' cannot be read: {e}")));
        }
        let read = async { self.store.get(path).await?.bytes().await };
        self.runtime.block_on(read).map_err(|e| failed("read", path, &e))
    }

    /// The names and sizes under a prefix, in the order of the names.
    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<(Path, u64)>> {
        let prefix = Path::from(prefix);
        let list = self.store.list(Some(&prefix)).map_ok(|o| (o.location, o.size)).try_collect::<Vec<_>>();
        let mut list = self.runtime.block_on(list).map_err(|e| failed("listed", &prefix, &e))?;
        list.sort();
        Ok(list)
    }

    /// Removes an object; one that is not there is removed already.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        match self.runtime.block_on(self.store.delete(path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removed", path, &error)),
        }
    }

    /// Removes what runs that were killed while they wrote have left half done. What another run is writing at this
    /// moment may go with it: that run then finds that it is not in charge.
    pub(crate) fn tidy(&self) {
        if let Some(directory) = &self.directory {
            directory.tidy();
        }
    }
}

fn failed(what: &str, path: &Path, error: &object_store::Error) -> Error {
    Error::unavailable(format!("'{path}' cannot be {what}: {error}"))
}
