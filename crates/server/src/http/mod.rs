//! The HTTP server: the page, its data, metrics and health, on a runtime of its own.

mod assets;
mod events;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use sloth_types::metrics::JobFigures;
use sloth_types::{Clock, Error, Result};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::hub::ScreenHub;
use crate::metrics::Metrics;
use crate::screen::ScreenSpec;

/// Threads that answer requests.
const THREADS: usize = 2;
/// Ports tried after the wanted one.
const PORTS_MORE: u16 = 99;
/// How long a shutdown waits for answers under way.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);
/// Nothing but the page's own files, and no request to anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What to serve.
pub struct ServerConfig {
    /// Where to listen; when the port is taken, the next free one is used. Port 0 takes any.
    pub addr: SocketAddr,
    /// The screen; absent, each table is shown as a list.
    pub screen: Option<ScreenSpec>,
    /// The tables shown.
    pub hub: ScreenHub,
    /// The job's figures.
    pub figures: Arc<JobFigures>,
}

/// The server. Construct it with [`Server::start`].
pub struct Server;

/// A running server; dropping it shuts it down.
pub struct ServerHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

/// What handlers see.
#[derive(Clone)]
struct App {
    hub: ScreenHub,
    screen: Option<Arc<str>>,
    metrics: Metrics,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// Listens and serves until the handle is dropped.
    ///
    /// # Errors
    /// When no port is free or the address is not this machine's.
    pub fn start(config: ServerConfig) -> Result<ServerHandle> {
        let screen = match &config.screen {
            Some(spec) => Some(serde_json::to_string(spec).map_err(|e| Error::internal(e.to_string()))?.into()),
            None => None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sloth-http")
            .enable_all()
            .build()
            .map_err(|e| Error::internal(format!("the HTTP threads do not start: {e}")))?;
        let listener = runtime.block_on(listen(config.addr))?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let metrics = Metrics::new(config.figures, config.hub.clone(), Clock::System);
        let app = router(App { hub: config.hub, screen, metrics, stop: stopped.clone() });
        let serving = runtime.spawn(async move {
            let served = axum::serve(listener, app).with_graceful_shutdown(until_true(stopped)).await;
            if let Err(error) = served {
                tracing::error!(%error, "the HTTP server has stopped");
            }
        });
        Ok(ServerHandle { addr, stop, runtime: Some(runtime), serving: Some(serving) })
    }
}

impl ServerHandle {
    /// Ends event streams, waits a moment for answers under way, and frees the port.
    pub fn shutdown(mut self) {
        self.stop_serving();
    }

    fn stop_serving(&mut self) {
        let _ = self.stop.send(true);
        if let (Some(runtime), Some(serving)) = (self.runtime.take(), self.serving.take()) {
            let abort = serving.abort_handle();
            let finished = runtime.block_on(async { tokio::time::timeout(SHUTDOWN_WAIT, serving).await.is_ok() });
            if !finished {
                abort.abort();
            }
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop_serving();
    }
}

/// Binds the wanted port or one of the next.
async fn listen(addr: SocketAddr) -> Result<TcpListener> {
    let mut wanted = addr;
    loop {
        match TcpListener::bind(wanted).await {
            Ok(listener) => return Ok(listener),
            Err(e) if e.kind() == ErrorKind::AddrInUse && wanted.port() < addr.port().saturating_add(PORTS_MORE) => {
                wanted.set_port(wanted.port() + 1);
            }
            Err(e) => {
                return Err(Error::unavailable(format!("cannot listen on {wanted}: {e}"))
                    .hint("Choose another address, for example 127.0.0.1:0 for any free port."));
            }
        }
    }
}

async fn until_true(mut flag: watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a reason to stop as well.
    let _ = flag.wait_for(|stop| *stop).await;
}

fn router(app: App) -> Router {
    Router::new()
        .route("/api/screen", get(screen))
        .route("/api/events", get(events::events))
        .route("/api/snapshot", get(snapshot))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .fallback(get(assets::asset))
        .layer(axum::middleware::from_fn(security_headers))
        .with_state(app)
}

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn screen(State(app): State<App>) -> Response {
    match app.screen {
        Some(spec) => json(StatusCode::OK, spec.to_string()),
        None => match serde_json::to_string(&ScreenSpec::automatic(&app.hub.tables())) {
            Ok(spec) => json(StatusCode::OK, spec),
            Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
        },
    }
}

async fn snapshot(State(app): State<App>) -> Response {
    json(StatusCode::OK, app.hub.snapshot_json())
}

async fn metrics(State(app): State<App>) -> Response {
    match app.metrics.text() {
        Ok(text) => answer(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

/// 200 while the job is well, 503 once it has failed.
async fn healthz(State(app): State<App>) -> Response {
    let (epoch, error) = app.hub.status();
    let (status, code) =
        if error.is_some() { ("failed", StatusCode::SERVICE_UNAVAILABLE) } else { ("ok", StatusCode::OK) };
    json(code, serde_json::json!({ "status": status, "epoch": epoch.0, "error": error }).to_string())
}

fn json(status: StatusCode, body: String) -> Response {
    answer(status, "application/json", body)
}

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
