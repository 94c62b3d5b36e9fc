//! The page's files, embedded in the binary (read from `web/dist` in a debug build).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use rust_embed::RustEmbed;

use super::answer;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// What a binary without the page says.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sloth</title>\
    <h1>The big screen is not part of this binary</h1>\
    <p>Build the page first, then the binary again:</p><pre>scripts/web\ncargo build --release</pre>\
    <p>The data is there all the same: <a href=\"/api/snapshot\">/api/snapshot</a>, \
    <a href=\"/api/events\">/api/events</a>, <a href=\"/metrics\">/metrics</a>.</p></html>";

pub(super) async fn asset(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    match Dist::get(path) {
        Some(file) => {
            let mut response = answer(StatusCode::OK, content_type(path), Body::from(file.data.into_owned()));
            // Names under assets/ carry a hash of the content.
            let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
            response
        }
        None if path == "index.html" => answer(StatusCode::OK, "text/html; charset=utf-8", NOT_BUILT),
        None => answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n"),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
