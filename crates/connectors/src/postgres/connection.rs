//! One connection to a server: signs in, sends statements with binary parameters, reads binary rows.
//!
//! Statements are sent together and followed by one `Sync`: they are one transaction, whether they ask or write, and cost
//! one round trip. The messages themselves are `postgres-protocol`'s.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use sloth_types::{Error, ErrorKind};

use super::address::Address;
use super::socket::Socket;
use super::tls;

/// Why something did not work.
#[derive(Debug)]
pub(super) struct Failure {
    /// Trying again, on a new connection, may help.
    pub(super) again: bool,
    pub(super) error: Error,
}

pub(super) type Outcome<T> = std::result::Result<T, Failure>;

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error
    }
}

impl Failure {
    /// Nothing that time mends.
    pub(super) fn lasting(error: Error) -> Failure {
        Failure { again: false, error }
    }
}

/// A value that is sent: the binary form, or NULL.
pub(super) type Param = Option<Vec<u8>>;

/// Bytes gathered before they are sent.
const OUTBOX: usize = 1 << 20;

enum Stream {
    Plain(Socket),
    Tls(Box<tls::Stream>),
}

/// A connection.
pub(super) struct Connection {
    stream: Stream,
    place: String,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Statements that the server has parsed, with their names.
    prepared: HashMap<String, String>,
    /// Statements named so far.
    named: usize,
}

impl Connection {
    /// Connects and signs in.
    pub(super) fn open(address: &Address) -> Outcome<Connection> {
        let place = address.place();
        let lost = |e: io::Error| lost(&place, &e);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let found = (address.host.as_str(), address.port).to_socket_addrs().map_err(lost)?;
        let mut connected = None;
        for socket in found {
            match TcpStream::connect_timeout(&socket, address.timeout) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let stream = connected.ok_or_else(|| lost(last))?;
        let socket = Socket::new(stream, address.timeout).map_err(lost)?;
        let stream = match &address.tls {
            None => Stream::Plain(socket),
            Some(roots) => Stream::Tls(Box::new(tls::wrap(socket, &address.host, roots.as_deref(), &place)?)),
        };
        let mut connection = Connection {
            stream,
            place: place.clone(),
            inbox: BytesMut::with_capacity(1 << 16),
            outbox: BytesMut::new(),
            prepared: HashMap::new(),
            named: 0,
        };
        connection.sign_in(address)?;
        Ok(connection)
    }

    /// How long an answer may take; `None` for as long as the server's host is there.
    pub(super) fn patience(&mut self, time: Option<std::time::Duration>) -> Outcome<()> {
        let socket = match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_mut(),
        };
        socket.be_patient(time).map_err(|e| lost(&self.place, &e))
    }

    fn sign_in(&mut self, address: &Address) -> Outcome<()> {
        let own =
            [("user", address.user.as_str()), ("database", address.database.as_str()), ("client_encoding", "UTF8")];
        let fixed = [("DateStyle", "ISO"), ("TimeZone", "UTC")];
        let named = address.parameters.iter().any(|(key, _)| key == "application_name");
        let name = (!named).then_some(("application_name", "sloth"));
        let more = address.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let all = own.into_iter().chain(fixed).chain(name).chain(more);
        frontend::startup_message(all, &mut self.outbox).map_err(|e| self.lost(&e))?;
        self.flush()?;
        let mut scram = None;
        loop {
            match self.receive()? {
                Message::AuthenticationOk | Message::BackendKeyData(_) => {}
                Message::AuthenticationCleartextPassword => self.password(address.password.as_bytes())?,
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(address.user.as_bytes(), address.password.as_bytes(), body.salt());
                    self.password(hash.as_bytes())?;
                }
                Message::AuthenticationSasl(body) => {
                    let known = body.mechanisms().any(|m| Ok(m == sasl::SCRAM_SHA_256)).map_err(|e| self.lost(&e))?;
                    if !known {
                        return Err(Failure::lasting(self.refused("it asks for a way to sign in that is not known")));
                    }
                    let unbound = sasl::ChannelBinding::unsupported();
                    let state = sasl::ScramSha256::new(address.password.as_bytes(), unbound);
                    frontend::sasl_initial_response(sasl::SCRAM_SHA_256, state.message(), &mut self.outbox)
                        .map_err(|e| self.lost(&e))?;
                    scram = Some(state);
                    self.flush()?;
                }
                Message::AuthenticationSaslContinue(body) => {
                    let Some(state) = &mut scram else { return Err(self.unexpected()) };
                    let updated = state.update(body.data());
                    let sent = updated.and_then(|()| frontend::sasl_response(state.message(), &mut self.outbox));
                    sent.map_err(|e| self.lost(&e))?;
                    self.flush()?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let Some(state) = &mut scram else { return Err(self.unexpected()) };
                    state.finish(body.data()).map_err(|e| {
                        Failure::lasting(self.refused(&format!("it does not prove that it knows the password: {e}")))
                    })?;
                }
                Message::ReadyForQuery(_) => return Ok(()),
                Message::ErrorResponse(body) => return Err(self.answered(&body)),
                _ => return Err(Failure::lasting(self.refused("it asks for a way to sign in that is not known"))),
            }
        }
    }

    fn password(&mut self, bytes: &[u8]) -> Outcome<()> {
        frontend::password_message(bytes, &mut self.outbox).map_err(|e| self.lost(&e))?;
        self.flush()
    }

    /// Sends a statement with its parameters. It is carried out, and answered, by [`Connection::finish`].
    pub(super) fn send(&mut self, sql: &str, params: &[Param]) -> Outcome<()> {
        if !self.prepared.contains_key(sql) {
            let name = format!("s{}", self.named);
            self.named += 1;
            frontend::parse(&name, sql, [], &mut self.outbox).map_err(|e| self.lost(&e))?;
            self.prepared.insert(sql.to_owned(), name);
        }
        let name = self.prepared.get(sql).map_or("", String::as_str);
        let put = |param: &Param, out: &mut BytesMut| match param {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        };
        let too_large = || {
            let error = Error::new(ErrorKind::Limit, "a statement's parameters are larger than Postgres takes");
            Failure::lasting(error.hint("Write fewer rows at a time: 'sink.buffer-flush.max-rows'."))
        };
        frontend::bind("", name, [1], params, put, [1], &mut self.outbox).map_err(|_| too_large())?;
        frontend::execute("", 0, &mut self.outbox).map_err(|e| lost(&self.place, &e))?;
        if self.outbox.len() > OUTBOX { self.flush() } else { Ok(()) }
    }

    /// Ends what was sent since the last call: the transaction is committed. `on_row` is given the rows of every
    /// statement.
    pub(super) fn finish(&mut self, on_row: &mut dyn FnMut(&DataRowBody) -> Outcome<()>) -> Outcome<()> {
        frontend::sync(&mut self.outbox);
        self.flush()?;
        let mut failed = None;
        loop {
            match self.receive()? {
                Message::DataRow(row) if failed.is_none() => on_row(&row)?,
                Message::ErrorResponse(body) => {
                    failed.get_or_insert_with(|| self.answered(&body));
                }
                Message::ReadyForQuery(_) => break,
                _ => {}
            }
        }
        match failed {
            None => Ok(()),
            Some(failure) => {
                // Statements behind the one that failed were not parsed.
                self.prepared.clear();
                Err(failure)
            }
        }
    }

    /// Carries out plain statements without parameters; gives their rows as texts.
    pub(super) fn run(&mut self, sql: &str) -> Outcome<Vec<Vec<Option<String>>>> {
        frontend::query(sql, &mut self.outbox).map_err(|e| self.lost(&e))?;
        self.flush()?;
        let (mut rows, mut failed) = (vec![], None);
        loop {
            match self.receive()? {
                Message::DataRow(row) => rows.push(texts(&row).map_err(|e| self.lost(&e))?),
                Message::ErrorResponse(body) => {
                    failed.get_or_insert_with(|| self.answered(&body));
                }
                Message::ReadyForQuery(_) => return failed.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn flush(&mut self) -> Outcome<()> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(&self.outbox).and_then(|()| stream.flush()),
            Stream::Tls(stream) => stream.write_all(&self.outbox).and_then(|()| stream.flush()),
        };
        self.outbox.clear();
        written.map_err(|e| lost(&self.place, &e))
    }

    /// The next message; notices are passed over.
    fn receive(&mut self) -> Outcome<Message> {
        let mut chunk = [0; 1 << 14];
        loop {
            match Message::parse(&mut self.inbox).map_err(|e| lost(&self.place, &e))? {
                Some(Message::NoticeResponse(_) | Message::ParameterStatus(_)) => continue,
                Some(message) => return Ok(message),
                None => {}
            }
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
            };
            match read {
                Ok(0) => {
                    return Err(lost(&self.place, &io::Error::new(io::ErrorKind::UnexpectedEof, "it has hung up")));
                }
                Ok(count) => self.inbox.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&self.place, &error)),
            }
        }
    }

    fn lost(&self, error: &io::Error) -> Failure {
        lost(&self.place, error)
    }

    fn refused(&self, why: &str) -> Error {
        Error::invalid(format!("Postgres at {} does not let us in: {why}", self.place))
    }

    fn unexpected(&self) -> Failure {
        Failure::lasting(self.refused("it answers out of turn"))
    }

    /// The server's own words.
    fn answered(&self, body: &ErrorResponseBody) -> Failure {
        let (mut code, mut message, mut detail, mut hint) = (String::new(), String::new(), None, None);
        let mut fields = body.fields();
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => code = text,
                b'M' => message = text,
                b'D' => detail = Some(text),
                b'H' => hint = Some(text),
                _ => {}
            }
        }
        let again = comes_back(&code);
        let kind = if again { ErrorKind::Unavailable } else { ErrorKind::Invalid };
        let mut error = Error::new(kind, format!("Postgres at {} says: {message} ({code})", self.place));
        if let Some(detail) = detail {
            error = error.detail(detail);
        }
        if let Some(hint) = hint.or_else(|| advice(&code).map(str::to_owned)) {
            error = error.hint(hint);
        }
        Failure { again, error }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbox.clear();
        frontend::terminate(&mut self.outbox);
        let _ = self.flush();
    }
}

/// The values of a row that are texts.
pub(super) fn texts(row: &DataRowBody) -> io::Result<Vec<Option<String>>> {
    let text = |range: std::ops::Range<usize>| row.buffer().get(range).map(|b| String::from_utf8_lossy(b).into_owned());
    row.ranges().map(|range| Ok(range.and_then(text))).collect()
}

fn lost(place: &str, error: &io::Error) -> Failure {
    // The system times out connections that have died, and gives its number for that.
    let late = match error.kind() {
        io::ErrorKind::WouldBlock => true,
        kind => kind == io::ErrorKind::TimedOut && error.raw_os_error().is_none(),
    };
    let error = match late {
        true => Error::unavailable(format!("Postgres at {place} does not answer in time"))
            .hint("Start it, or wait longer: 'connection.max-retry-timeout'."),
        false => Error::unavailable(format!("no connection with Postgres at {place}: {error}"))
            .hint("Check that it runs and that 'url' is right."),
    };
    Failure { again: true, error }
}

/// True for conditions that pass: lost connections, too many of them, a server that starts or stops, conflicts of
/// transactions.
fn comes_back(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57P")
        || matches!(code, "40001" | "40P01" | "55P03")
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "Check 'username' and 'password'.",
        "3D000" => "Check the database's name in 'url'.",
        "42P01" => "Create the table in Postgres first, or check 'table-name'.",
        "42P10" => "Upserts need a PRIMARY KEY or UNIQUE constraint over the declared key's columns in Postgres.",
        "42501" => "Grant the user the rights on the table.",
        "22003" => "A value does not fit the declared type; declare a wider one.",
        _ => return None,
    })
}
