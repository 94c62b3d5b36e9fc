//! Connections whose other side can be gone without a word: a host that loses its power or its network hangs up on nobody.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// A connection that is quiet for so long is asked whether it still stands.
const IDLE: Duration = Duration::from_secs(10);
/// How long each question waits for its answer.
const INTERVAL: Duration = Duration::from_secs(5);
/// So many questions without an answer end the connection with an error.
const PROBES: u32 = 3;

/// Has the system ask a quiet connection whether it still stands: after 25 seconds without an answer, reading fails.
pub(crate) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let asked = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(PROBES);
    SockRef::from(stream).set_tcp_keepalive(&asked)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_quiet_connection_is_asked_whether_it_stands() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!SockRef::from(&stream).keepalive().unwrap());
        keep_alive(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), PROBES);
    }
}
