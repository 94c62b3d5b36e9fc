//! A proxy before the object store, as a bad network and a bad day of the store are: it delays requests and answers, cuts
//! connections, and answers 500 and 503, before what was asked for is done, or after it. Each request is one connection.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sloth_types::rng::Rng;

use crate::pause;

/// What befalls a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Well,
    /// It takes so many milliseconds, before or after it is done.
    Slow {
        ms: u64,
        done: bool,
    },
    /// The connection is cut.
    Cut {
        done: bool,
    },
    /// Half of the answer comes.
    Half,
    /// An answer with this status.
    Answer {
        status: &'static str,
        done: bool,
    },
}

const FATES: usize = 4;

/// The proxy; it ends with the process.
pub(crate) struct Proxy {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    dice: Mutex<Rng>,
    /// Of a thousand requests so many are not served well.
    trouble: AtomicU64,
    /// Nothing is served at all.
    down: AtomicBool,
    /// How often each kind of fate was met.
    met: [AtomicUsize; FATES],
}

impl Proxy {
    /// Before the server at this address; at first all is well.
    pub(crate) fn start(upstream: &str, seed: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            dice: Mutex::new(Rng::new(seed)),
            trouble: AtomicU64::new(0),
            down: AtomicBool::new(false),
            met: Default::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                // Whoever asks finds out by himself that a connection has broken.
                std::thread::spawn(move || _ = serving.serve(&client));
            }
        });
        Proxy { address, shared }
    }

    /// From now on so many of a thousand requests are not served well.
    pub(crate) fn trouble(&self, of_thousand: u64) {
        self.shared.trouble.store(of_thousand, Ordering::SeqCst);
    }

    /// Nothing is served for a while.
    pub(crate) fn outage(&self, ms: u64) {
        self.shared.down.store(true, Ordering::SeqCst);
        pause(ms);
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// How often requests were delayed, cut, half answered, and refused.
    pub(crate) fn met(&self) -> [usize; FATES] {
        [0, 1, 2, 3].map(|kind: usize| self.shared.met[kind].load(Ordering::SeqCst))
    }
}

impl Shared {
    fn fate(&self) -> Fate {
        let mut dice = self.dice.lock().unwrap();
        if self.down.load(Ordering::SeqCst) {
            let status = "503 Service Unavailable";
            return if dice.chance(0.5) { Fate::Cut { done: false } } else { Fate::Answer { status, done: false } };
        }
        if dice.below(1000) >= self.trouble.load(Ordering::SeqCst) {
            return Fate::Well;
        }
        let done = dice.chance(0.5);
        match dice.below(10) {
            0..3 => Fate::Slow { ms: [30, 300, 1500][dice.below(3) as usize], done },
            3..6 => Fate::Cut { done },
            6 => Fate::Half,
            7 => Fate::Answer { status: "503 Slow Down", done: false },
            _ => Fate::Answer { status: "500 Internal Server Error", done },
        }
    }

    fn serve(&self, client: &TcpStream) -> Result<()> {
        let request = read_request(client)?;
        let fate = self.fate();
        let kind = match fate {
            Fate::Well => None,
            Fate::Slow { .. } => Some(0),
            Fate::Cut { .. } => Some(1),
            Fate::Half => Some(2),
            Fate::Answer { .. } => Some(3),
        };
        kind.into_iter().for_each(|kind: usize| _ = self.met[kind].fetch_add(1, Ordering::SeqCst));
        if let Fate::Slow { ms, done: false } = fate {
            pause(ms);
        }
        if matches!(fate, Fate::Cut { done: false }) {
            return client.shutdown(Shutdown::Both);
        }
        let mut answer = vec![];
        if !matches!(fate, Fate::Answer { done: false, .. }) {
            let mut upstream = TcpStream::connect(&self.upstream)?;
            upstream.write_all(&request)?;
            upstream.read_to_end(&mut answer)?;
        }
        let mut client = client;
        match fate {
            Fate::Cut { .. } => return client.shutdown(Shutdown::Both),
            Fate::Slow { ms, done: true } => pause(ms),
            Fate::Half => answer.truncate(answer.len() / 2),
            Fate::Answer { status, .. } => {
                answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes();
            }
            _ => {}
        }
        client.write_all(&answer)?;
        client.shutdown(Shutdown::Both)
    }
}

/// A request as it is passed on: one for its connection.
fn read_request(client: &TcpStream) -> Result<Vec<u8>> {
    let mut reader = BufReader::new(client);
    let (mut request, mut length) = (vec![], 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("connection:") {
            continue;
        }
        if line.trim().is_empty() {
            request.extend_from_slice(b"Connection: close\r\n\r\n");
            break;
        }
        request.extend_from_slice(line.as_bytes());
    }
    let head = request.len();
    request.resize(head + length, 0);
    reader.read_exact(&mut request[head..])?;
    Ok(request)
}
