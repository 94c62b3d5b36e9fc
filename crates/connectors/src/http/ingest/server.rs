//! The HTTP side: one server for each address, one path for each table.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sloth_types::{Error, Result};
use tokio::sync::oneshot;

use super::body;
use super::journal::{Answer, Journal, Post};

/// Bytes of requests that may wait to be written; beyond this clients are sent away for a while.
const QUEUE_BYTES_MAX: usize = 64 << 20;
const KEY_BYTES_MAX: usize = 255;
/// Open connections get so long to end when nobody takes rows in any more.
const GOODBYE: Duration = Duration::from_millis(200);

static SERVERS: Mutex<BTreeMap<String, Weak<Server>>> = Mutex::new(BTreeMap::new());

/// Where the rows of a path go.
pub(super) struct Route {
    pub(super) table: String,
    pub(super) format: String,
    pub(super) schema: SchemaRef,
    pub(super) token: Option<String>,
    pub(super) body_max: usize,
    pub(super) backlog_max: u64,
    pub(super) journal: Arc<Journal>,
    pub(super) queue: Mutex<Sender<Post>>,
    pub(super) queued: AtomicUsize,
}

/// A server; it ends with the last one who holds it.
pub(super) struct Server {
    address: SocketAddr,
    routes: Mutex<HashMap<String, Arc<Route>>>,
    stop: Mutex<Option<(oneshot::Sender<()>, std::thread::JoinHandle<()>)>>,
}

/// A path that is served as long as this lives.
pub(super) struct Served {
    server: Arc<Server>,
    path: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a path of an address.
///
/// # Errors
/// When the address cannot be had, or the path is another table's.
pub(super) fn serve(address: &str, path: &str, route: Route) -> Result<Served> {
    let mut servers = lock(&SERVERS);
    let running = servers.get(address).and_then(Weak::upgrade);
    let server = match running {
        Some(server) => server,
        None => Server::start(address)?,
    };
    servers.insert(address.to_owned(), Arc::downgrade(&server));
    drop(servers);
    let mut routes = lock(&server.routes);
    if let Some(other) = routes.get(path) {
        return Err(Error::invalid(format!("'{path}' at {address} already takes in rows for table '{}'", other.table))
            .hint("Give each table a path of its own: 'path' = '/…'."));
    }
    tracing::info!("table '{}' takes in rows at http://{}{path}", route.table, server.address);
    routes.insert(path.to_owned(), Arc::new(route));
    drop(routes);
    Ok(Served { server, path: path.to_owned() })
}

impl Served {
    /// Where the server listens.
    #[cfg(test)]
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        lock(&self.server.routes).remove(&self.path);
    }
}

impl Server {
    fn start(address: &str) -> Result<Arc<Server>> {
        let refused = |e: std::io::Error| {
            Error::unavailable(format!("rows cannot be taken in at '{address}': {e}"))
                .hint("'listen' is an address of this machine, like 127.0.0.1:8085; is another program using it?")
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let local = listener.local_addr().map_err(refused)?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).thread_name("http-source").enable_all().build().map_err(refused)?;
        let (stop, stopped) = oneshot::channel();
        let server = Arc::new(Server { address: local, routes: Mutex::default(), stop: Mutex::default() });
        let app = axum::Router::new().fallback(take_in).with_state(Arc::downgrade(&server));
        let run = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    _ = axum::serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(GOODBYE);
        };
        let thread = std::thread::Builder::new().name("http-source".into()).spawn(run).map_err(refused)?;
        *lock(&server.stop) = Some((stop, thread));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((stop, thread)) = lock(&self.stop).take() {
            drop(stop);
            // The address is free when this returns; a request in flight may be who held the server last.
            if thread.thread().id() != std::thread::current().id() && tokio::runtime::Handle::try_current().is_err() {
                drop(thread.join());
            }
        }
    }
}

/// An answer that says why not.
fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    (status, axum::Json(json!({ "error": why.into() }))).into_response()
}

async fn take_in(
    State(server): State<Weak<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let route = server.upgrade().and_then(|server| lock(&server.routes).get(uri.path()).cloned());
    let Some(route) = route else {
        return refuse(StatusCode::NOT_FOUND, format!("no table takes in rows at '{}'", uri.path()));
    };
    if method != Method::POST {
        let why = refuse(StatusCode::METHOD_NOT_ALLOWED, format!("rows of table '{}' come by POST", route.table));
        return ([(header::ALLOW, "POST")], why).into_response();
    }
    match accept(&route, &headers, body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

async fn accept(route: &Route, headers: &HeaderMap, body: Body) -> std::result::Result<Response, Response> {
    let given = text(headers, "authorization").strip_prefix("Bearer ");
    if route.token.as_deref().is_some_and(|token| !given.is_some_and(|given| same(given, token))) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "send the table's token: 'Authorization: Bearer …'"));
    }
    let key = text(headers, "idempotency-key").to_owned();
    let lost =
        key.is_empty() && headers.get("idempotency-key").is_some_and(|key| !key.as_bytes().trim_ascii().is_empty());
    if lost || key.len() > KEY_BYTES_MAX {
        let why = format!("an Idempotency-Key has at most {KEY_BYTES_MAX} bytes, of ASCII");
        return Err(refuse(StatusCode::BAD_REQUEST, why));
    }
    if route.journal.backlog() >= route.backlog_max || route.queued.load(Ordering::Relaxed) >= QUEUE_BYTES_MAX {
        let why = format!("table '{}' has too many rows waiting to be read; try again", route.table);
        return Err(([(header::RETRY_AFTER, "1")], refuse(StatusCode::TOO_MANY_REQUESTS, why)).into_response());
    }
    let large = || {
        let why = format!("a request of table '{}' has at most {} bytes", route.table, route.body_max);
        refuse(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let packed = to_bytes(body, route.body_max).await.map_err(|_| large())?;
    let bad = |why: String| refuse(StatusCode::BAD_REQUEST, why);
    // Their names are the same in capital letters.
    let named = |name: &str| text(headers, name).to_ascii_lowercase();
    let unpacked = body::unpack(packed.to_vec(), &named("content-encoding"), route.body_max);
    let unpacked = unpacked.map_err(bad)?.ok_or_else(large)?;
    if unpacked.is_empty() {
        return Ok(axum::Json(json!({ "accepted": 0 })).into_response());
    }
    let records = body::records(unpacked, &named("content-type"), &route.format, &route.schema).map_err(bad)?;
    if records.count == 0 {
        return Ok(axum::Json(json!({ "accepted": 0 })).into_response());
    }
    let size = records.bytes.len();
    route.queued.fetch_add(size, Ordering::Relaxed);
    let (sender, answered) = oneshot::channel();
    let answer = Box::new(move |answer| drop(sender.send(answer)));
    let sent = lock(&route.queue).send(Post { records, key, answer }).is_ok();
    let answer = if sent { answered.await.ok() } else { None };
    route.queued.fetch_sub(size, Ordering::Relaxed);
    match answer {
        Some(Answer::Stored { first, records, again }) => {
            let mut answer = json!({ "accepted": records, "first": first });
            if again {
                answer["repeated"] = true.into();
            }
            Ok(axum::Json(answer).into_response())
        }
        Some(Answer::OtherRows) => {
            Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "other rows came under this Idempotency-Key before"))
        }
        Some(Answer::Failed(why)) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, why)),
        None => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the job is ending; send the rows again")),
    }
}

/// Compares in a time that does not tell how much is right.
fn same(given: &str, token: &str) -> bool {
    let differ = given.bytes().zip(token.bytes()).fold(0, |d, (a, b)| d | (a ^ b));
    given.len() == token.len() && differ == 0
}
