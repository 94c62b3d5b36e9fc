//! `GET /api/events`: the screen's server-sent events.
//!
//! A client gets the schema and a snapshot, then a frame per published epoch. One that reads too slowly misses frames;
//! it then gets a snapshot again instead. It cannot hold up anybody: frames are shared and the sender never waits.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::App;
use crate::hub::Counts;

/// A comment after so much silence keeps proxies from closing the stream and finds dead clients.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A page does not see comments, so there is an event too: it can tell a silent job from a dead connection.
const BEAT: &[u8] = b": still here\nevent: beat\ndata: {}\n\n";
/// Tells the browser how soon to connect again.
const RETRY: &[u8] = b"retry: 1000\n\n";

type Frames = mpsc::Sender<Result<Bytes, Infallible>>;

pub(super) async fn events(State(app): State<App>) -> Response {
    let (frames, stream) = mpsc::channel(1);
    let mut stop = app.stop.clone();
    tokio::spawn(async move {
        app.hub.counts().clients.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            () = pump(&app, &frames) => {}
            () = frames.closed() => {}
            // An error means that the server is gone.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        app.hub.counts().clients.fetch_sub(1, Ordering::Relaxed);
    });
    super::answer(StatusCode::OK, "text/event-stream; charset=utf-8", Body::from_stream(ReceiverStream::new(stream)))
}

/// Sends frames until the client or the hub is gone.
async fn pump(app: &App, frames: &Frames) {
    if !send(frames, Bytes::from_static(RETRY)).await {
        return;
    }
    loop {
        let mut subscription = app.hub.subscribe();
        if !send(frames, subscription.snapshot).await {
            return;
        }
        loop {
            let frame = match tokio::time::timeout(HEARTBEAT, subscription.deltas.recv()).await {
                Ok(Ok(frame)) => frame,
                Ok(Err(RecvError::Lagged(_))) => break,
                Ok(Err(RecvError::Closed)) => return,
                Err(_) => Bytes::from_static(BEAT),
            };
            if !send(frames, frame).await {
                return;
            }
        }
        Counts::add(&app.hub.counts().lagged);
    }
}

async fn send(frames: &Frames, frame: Bytes) -> bool {
    frames.send(Ok(frame)).await.is_ok()
}
