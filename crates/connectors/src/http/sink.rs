//! The `http` sink: a webhook. Each epoch's rows are POSTed as JSON arrays, with retries.
//!
//! Every request carries an `Idempotency-Key` made of table, epoch and number: the same rows sent again, by a retry or by
//! a replay after a crash, carry the same key, so that a receiver can drop what it already has.

use std::time::Duration;

use arrow::datatypes::SchemaRef;
use sloth_types::{
    ChangeBatch, ChangelogMode, Epoch, Error, Guarantee, OpenSink, Options, Result, Sink, SinkWriter, TableSpec,
};

use crate::format::{self, Encoder};

const KNOWN: [&str; 9] = [
    "connector",
    "url",
    "format",
    "http.batch",
    "http.batch.max-rows",
    "http.op-field",
    "http.timeout",
    "http.retries",
    "http.retry-backoff",
];
/// Waiting between retries doubles up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct HttpSink {
    table: TableSpec,
    url: String,
    format: String,
    /// Rows of one request; one row goes as an object, more as an array.
    rows_max: usize,
    batch: bool,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    headers: Vec<(String, String)>,
}

impl HttpSink {
    /// Checks the options.
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options: &Options = &table.options;
        options.check_known(
            "http",
            &KNOWN,
            &["http.header.", "json.", "debezium-json.", "canal-json.", "maxwell-json."],
        )?;
        let url = options.require("url")?.to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Error::invalid(format!("option 'url' = '{url}': expected http://… or https://…")));
        }
        let format = options.get("format").unwrap_or("json").to_owned();
        if format != "json" && !format::writes_changes(&format) {
            return Err(Error::invalid(format!("connector 'http' does not write the format '{format}'"))
                .hint("Use 'json', 'debezium-json', 'canal-json' or 'maxwell-json'."));
        }
        format::encoder(&format, options, table, table.schema.clone())?;
        let batch = options.parse_or("http.batch", "true or false", true)?;
        let rows_max = options.parse_or("http.batch.max-rows", "a whole number", 1000)?;
        Ok(HttpSink {
            table: table.clone(),
            url,
            format,
            rows_max: if batch { rows_max.max(1) } else { 1 },
            batch,
            timeout: options.duration("http.timeout")?.unwrap_or(Duration::from_secs(10)),
            retries: options.parse_or("http.retries", "a whole number", 8)?,
            backoff: options.duration("http.retry-backoff")?.unwrap_or(Duration::from_millis(100)),
            headers: options.with_prefix("http.header.").map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        })
    }
}

impl HttpSink {
    /// The beginning of a row that says what kind of change it is: `{"op":"`.
    fn op_key(&self, schema: &SchemaRef) -> Result<Vec<u8>> {
        let field = self.table.options.get("http.op-field").unwrap_or("op");
        if schema.index_of(field).is_ok() {
            return Err(Error::invalid(format!(
                "column '{field}' has the name of the field that says what has changed"
            ))
            .hint("Name that field otherwise: 'http.op-field' = '_op'."));
        }
        let mut key = b"{".to_vec();
        format::write_json_text(field, &mut key);
        key.extend_from_slice(b":\"");
        Ok(key)
    }
}

impl Sink for HttpSink {
    fn accepts(&self, mode: &ChangelogMode) -> bool {
        !matches!(mode, ChangelogMode::Upsert { .. })
    }

    fn blocking(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce("a webhook has no transactions; what is sent again has the same Idempotency-Key")
    }

    fn open(&self, open: OpenSink) -> Result<Box<dyn SinkWriter>> {
        let OpenSink { schema, mode, durable, .. } = open;
        let op = match mode {
            ChangelogMode::Retract if self.format == "json" => Some(self.op_key(&schema)?),
            _ => None,
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            // A redirect that is followed can become a GET without the rows, and its 200 would pass for their delivery.
            .max_redirects(0)
            .user_agent(concat!("sloth/", env!("CARGO_PKG_VERSION")))
            .build();
        let encoder = format::encoder(&self.format, &self.table.options, &self.table, schema)?;
        let sink = self.clone();
        let waiting = durable.is_some().then(Vec::new);
        let name = durable.map_or_else(|| self.table.name.clone(), |durable| durable.name);
        let (body, rows, number) = (Vec::new(), 0, 0);
        Ok(Box::new(HttpWriter { sink, agent: config.into(), encoder, op, name, waiting, body, rows, number }))
    }
}

struct HttpWriter {
    sink: HttpSink,
    agent: ureq::Agent,
    encoder: Box<dyn Encoder>,
    /// For plain rows that may be taken back: how each begins, see [`HttpSink::op_key`].
    op: Option<Vec<u8>>,
    /// What keys begin with.
    name: String,
    /// In a durable job, requests whose epochs are not yet in the log, with their keys.
    waiting: Option<Vec<(String, Vec<u8>)>>,
    /// The request in the making.
    body: Vec<u8>,
    rows: usize,
    /// Requests sent in this epoch.
    number: u64,
}

/// How a request ended.
enum Answer {
    Taken,
    /// Trying again may help.
    Later(String),
    /// The receiver does not want it.
    Refused(String),
    /// The receiver redirects to another address.
    Elsewhere(String),
}

impl HttpWriter {
    fn send(&mut self, epoch: Epoch) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        if self.sink.batch {
            self.body.push(b']');
        }
        let key = format!("{}-{epoch}-{}", self.name, self.number);
        let body = std::mem::take(&mut self.body);
        self.rows = 0;
        self.number += 1;
        match &mut self.waiting {
            // What is not in the log yet could be cut otherwise after a crash: then the key would lie.
            Some(waiting) => waiting.push((key, body)),
            None => self.deliver(&key, &body)?,
        }
        Ok(())
    }

    /// Posts a request until it is taken.
    fn deliver(&self, key: &str, body: &[u8]) -> Result<()> {
        let mut wait = self.sink.backoff;
        let mut tries = 0;
        loop {
            match self.post(key, body) {
                Answer::Taken => return Ok(()),
                Answer::Refused(why) => {
                    return Err(self.error(&why).hint("Check the URL and what the receiver expects."));
                }
                Answer::Elsewhere(why) => {
                    return Err(self.error(&why).hint(
                        "Set 'url' to the address that takes the rows: redirects are not followed, since they can turn \
                         a POST into a GET without the rows.",
                    ));
                }
                Answer::Later(why) if tries == self.sink.retries => {
                    return Err(self
                        .error(&why)
                        .detail(format!("tried {} times", tries + 1))
                        .hint("Start the receiver, or raise 'http.retries'."));
                }
                Answer::Later(why) => {
                    tracing::warn!(url = self.sink.url, why, tries, "the webhook does not take the rows; trying again");
                    std::thread::sleep(wait);
                    wait = (wait * 2).min(BACKOFF_MAX);
                    tries += 1;
                }
            }
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::unavailable(format!("table '{}': {} does not take the rows: {why}", self.sink.table.name, self.sink.url))
    }

    fn post(&self, key: &str, body: &[u8]) -> Answer {
        let mut request =
            self.agent.post(&self.sink.url).header("Content-Type", "application/json").header("Idempotency-Key", key);
        for (name, value) in &self.sink.headers {
            request = request.header(name, value);
        }
        match request.send(body) {
            Ok(mut response) => {
                let status = response.status();
                // Reading the answer to its end lets the connection be used again.
                let text = response.body_mut().with_config().limit(4096).read_to_string().unwrap_or_default();
                let why = format!("it answers {status} {}", text.trim());
                let location = response.headers().get("location").and_then(|location| location.to_str().ok());
                match status.as_u16() {
                    200..300 => Answer::Taken,
                    300..400 => Answer::Elsewhere(match location {
                        Some(location) => format!("it answers {status}, a redirect to {location}"),
                        None => why,
                    }),
                    408 | 425 | 429 | 500..600 => Answer::Later(why),
                    _ => Answer::Refused(why),
                }
            }
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RedirectFailed)) => {
                Answer::Refused(error.to_string())
            }
            Err(error) => Answer::Later(error.to_string()),
        }
    }
}

impl SinkWriter for HttpWriter {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        // Requests are cut while encoding, so the encoded rows are gathered first.
        let mut ends = Vec::with_capacity(batch.len());
        let mut encoded = Vec::new();
        let plain;
        let rows = match self.op {
            Some(_) => {
                plain = ChangeBatch::append(batch.rows.clone());
                &plain
            }
            None => batch,
        };
        let op = self.op.as_deref();
        self.encoder.encode(rows, &mut |row| {
            match op {
                Some(key) => {
                    encoded.extend_from_slice(key);
                    encoded.extend_from_slice(crate::print::kind(batch, ends.len()).as_bytes());
                    let rest = row.strip_prefix(b"{").unwrap_or(row);
                    encoded.extend_from_slice(if rest == b"}" { b"\"" } else { b"\"," });
                    encoded.extend_from_slice(rest);
                }
                None => encoded.extend_from_slice(row),
            }
            ends.push(encoded.len());
            Ok(())
        })?;
        let mut start = 0;
        for end in ends {
            if self.sink.batch {
                self.body.push(if self.rows == 0 { b'[' } else { b',' });
            }
            self.body.extend_from_slice(encoded.get(start..end).unwrap_or_default());
            self.rows += 1;
            start = end;
            if self.rows == self.sink.rows_max {
                self.send(epoch)?;
            }
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: Epoch) -> Result<()> {
        self.send(epoch)?;
        self.number = 0;
        Ok(())
    }

    fn commit(&mut self, _: Epoch, _: bool) -> Result<()> {
        for (key, body) in self.waiting.iter_mut().flat_map(std::mem::take).collect::<Vec<_>>() {
            self.deliver(&key, &body)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
