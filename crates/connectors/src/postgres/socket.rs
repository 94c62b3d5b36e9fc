//! The socket under a connection. It waits for a statement as long as that takes, but not for a host that is gone.
//!
//! Keepalive notices such a host while nothing but an answer is awaited. It is silent while sent bytes are not acknowledged:
//! then the system tries for a quarter of an hour. `TCP_USER_TIMEOUT` would cut that short, but it also ends the connection
//! with a healthy server that is busy with a long statement and has no room for the ones behind it. So whoever waits knocks at the
//! server's port now and then, and goes on waiting while its host answers, if only to refuse.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::alive::keep_alive;

/// When a host is taken for gone: after half a minute.
const HALF_A_MINUTE: Waits = Waits { quiet: Duration::from_secs(10), knock: Duration::from_secs(5), knocks: 2 };

#[derive(Clone, Copy, Debug)]
struct Waits {
    /// After so long without a byte the host is asked for.
    quiet: Duration,
    /// How long it has to answer.
    knock: Duration,
    /// So many times in a row without an answer, and it is gone.
    knocks: u32,
}

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    peer: SocketAddr,
    /// How long an answer may take; `None` for as long as the host is there.
    patience: Option<Duration>,
    waits: Waits,
    gone: bool,
}

impl Socket {
    /// Over a new connection, with an answer to be given within `patience`.
    pub(super) fn new(stream: TcpStream, patience: Duration) -> io::Result<Socket> {
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        Socket::waiting(stream, Some(patience), HALF_A_MINUTE)
    }

    fn waiting(stream: TcpStream, patience: Option<Duration>, waits: Waits) -> io::Result<Socket> {
        stream.set_write_timeout(Some(waits.quiet))?;
        let socket = Socket { peer: stream.peer_addr()?, stream, patience, waits, gone: false };
        socket.stream.set_read_timeout(Some(patience.unwrap_or(waits.quiet)))?;
        Ok(socket)
    }

    /// How long an answer may take from now on; `None` for as long as the host is there.
    pub(super) fn be_patient(&mut self, patience: Option<Duration>) -> io::Result<()> {
        self.patience = patience;
        self.stream.set_read_timeout(Some(patience.unwrap_or(self.waits.quiet)))
    }

    /// Tries until it works, fails, or the host is gone.
    fn persist(&mut self, attempt: &mut dyn FnMut(&mut TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        let mut missed = 0;
        while !self.gone {
            match attempt(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            missed = if self.is_there() { 0 } else { missed + 1 };
            self.gone = missed >= self.waits.knocks;
        }
        Err(io::Error::new(ErrorKind::HostUnreachable, "its host cannot be reached any more"))
    }

    /// Whether the host answers at the server's port. A refusal is an answer: a server that is being stopped lets nobody else
    /// in, and what it has begun goes on.
    fn is_there(&self) -> bool {
        let silence =
            [ErrorKind::TimedOut, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::NetworkDown];
        let knocked = TcpStream::connect_timeout(&self.peer, self.waits.knock);
        knocked.map_or_else(|error| !silence.contains(&error.kind()), |_| true)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.patience {
            Some(_) => self.stream.read(buffer),
            None => self.persist(&mut |stream| stream.read(buffer)),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.persist(&mut |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use socket2::{Domain, SockRef, Type};

    use super::*;

    const SHORT: Waits = Waits { quiet: Duration::from_millis(20), knock: Duration::from_millis(200), knocks: 2 };

    fn socket(peer: SocketAddr) -> Socket {
        Socket::waiting(TcpStream::connect(peer).unwrap(), None, SHORT).unwrap()
    }

    #[test]
    fn the_system_asks_whether_the_server_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Socket::new(stream, Duration::from_secs(60)).unwrap();
        assert!(SockRef::from(&socket.stream).keepalive().unwrap());
        assert_eq!(socket.stream.read_timeout().unwrap(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_server_that_takes_its_time_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = socket(listener.local_addr().unwrap());
        let (mut server, _) = listener.accept().unwrap();
        let answering = thread::spawn(move || {
            thread::sleep(Duration::from_millis(150));
            // Nobody else is let in any more, and what has begun goes on.
            drop(listener);
            thread::sleep(Duration::from_millis(150));
            server.write_all(b"x").unwrap();
            server
        });
        let mut answer = [0];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"x");
        drop(answering.join().unwrap());
        socket.be_patient(Some(Duration::from_millis(20))).unwrap();
        assert_eq!(socket.read(&mut answer).unwrap(), 0, "and its end is seen");
    }

    /// More statements than the server has room for while it is busy with the first one.
    #[test]
    fn a_server_that_has_no_room_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = socket(listener.local_addr().unwrap());
        let (mut server, _) = listener.accept().unwrap();
        let sent = vec![7; 32 << 20];
        let reading = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let mut received = vec![];
            server.read_to_end(&mut received).unwrap();
            received
        });
        socket.write_all(&sent).unwrap();
        drop(socket);
        assert!(reading.join().unwrap() == sent);
    }

    #[test]
    fn a_host_that_is_gone_ends_the_wait() {
        // A listener whose queue is full answers no more, like a host that is gone.
        let listener = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let listener = TcpListener::from(listener);
        let address = listener.local_addr().unwrap();
        let mut socket = socket(address);
        let _server = listener.accept().unwrap();
        let mut queued = vec![];
        while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT.knock) {
            queued.push(stream);
        }
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
        let error = socket.write(&[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "it is not asked for again: {error}");
    }
}
