//! An object store that fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sloth_types::threads;

use super::{Fate, Flaw, Life};

/// How long a slow operation takes.
const SLOW: Duration = Duration::from_millis(2);

/// The objects of the world, as one life sees them.
pub(super) struct SimStore {
    pub(super) life: Life,
    pub(super) objects: Arc<InMemory>,
}

impl SimStore {
    /// Carries an operation out, or what befalls it.
    async fn carry_out<T>(&self, name: String, operation: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.meet(self.life.fate(&name), name, operation).await
    }

    async fn meet<T>(
        &self,
        fate: Option<Fate>,
        name: String,
        operation: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let failed = |what: &str| Error::Generic { store: "simulated", source: format!("{name}: {what}").into() };
        let Some(fate) = fate else { return Err(failed("the power is off")) };
        // Others may come between.
        threads::step();
        match fate {
            Fate::Well | Fate::Again => operation.await,
            Fate::Slow | Fate::Sleeps => {
                if fate == Fate::Slow {
                    threads::sleep(SLOW);
                }
                // The power may have failed meanwhile.
                if self.life.is_over() { Err(failed("the power is off")) } else { operation.await }
            }
            Fate::Fails { done } | Fate::PowerFails { done } => {
                if done {
                    operation.await?;
                }
                if matches!(fate, Fate::PowerFails { .. }) {
                    self.life.end();
                }
                Err(failed("simulated failure"))
            }
        }
    }
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let name = format!("put {location}");
        let fate = self.life.fate(&name);
        if fate == Some(Fate::Again) {
            self.objects.put_opts(location, payload.clone(), options.clone()).await?;
        }
        let put = self.objects.put_opts(location, payload, options);
        if self.life.world.flaw == Some(Flaw::LostObjects) && location.as_ref().ends_with('7') {
            return Ok(PutResult { e_tag: None, version: None });
        }
        self.meet(fate, name, put).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put_multipart".to_owned(), implementer: self.to_string() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.carry_out(format!("get {location}"), self.objects.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (life, objects) = (self.life.clone(), Arc::clone(&self.objects));
        let delete = move |location: Result<Path>| {
            let store = SimStore { life: life.clone(), objects: Arc::clone(&objects) };
            async move {
                let location = location?;
                let one = stream::iter([Ok(location.clone())]).boxed();
                let mut deleted = store.objects.delete_stream(one);
                let gone = async { deleted.next().await.unwrap_or(Ok(location.clone())) };
                store.carry_out(format!("delete {location}"), gone).await
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let name = format!("list {}", prefix.map(ToString::to_string).unwrap_or_default());
        let store = SimStore { life: self.life.clone(), objects: Arc::clone(&self.objects) };
        let objects = self.objects.list(prefix);
        async move {
            match store.carry_out(name, async { Ok(()) }).await {
                Ok(()) => objects,
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        }
        .flatten_stream()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

impl fmt::Display for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated store of life {}", self.life.number)
    }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
