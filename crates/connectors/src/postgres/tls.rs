//! TLS under a connection. The server's certificate is always verified.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sloth_types::Error;

use super::connection::{Failure, Outcome};
use super::socket::Socket;

/// An encrypted stream.
pub(super) type Stream = StreamOwned<ClientConnection, Socket>;

/// Asks the server for TLS and begins it. `roots` is a file of certificates to trust instead of the public ones.
pub(super) fn wrap(mut stream: Socket, host: &str, roots: Option<&str>, place: &str) -> Outcome<Stream> {
    let broken = |e: io::Error| Failure {
        again: true,
        error: Error::unavailable(format!("no connection with Postgres at {place}: {e}")),
    };
    let refuse = |what: String, hint: &str| Failure::lasting(Error::invalid(what).hint(hint));
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let mut answer = [0];
    stream.write_all(&request).and_then(|()| stream.read_exact(&mut answer)).map_err(broken)?;
    if answer != *b"S" {
        return Err(refuse(
            format!("Postgres at {place} has no TLS"),
            "Leave sslmode out of 'url', or turn ssl on there.",
        ));
    }
    let mut trusted = RootCertStore::empty();
    match roots {
        None => trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let unread = |e: &dyn std::fmt::Display| {
                refuse(format!("sslrootcert '{file}': {e}"), "Name a file of certificates in PEM.")
            };
            for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unread(&e))? {
                trusted.add(certificate.map_err(|e| unread(&e))?).map_err(|e| unread(&e))?;
            }
        }
    }
    let unfit = |e: &dyn std::fmt::Display| Failure::lasting(Error::internal(format!("TLS: {e}")));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unfit(&e))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| unfit(&e))?;
    let session = ClientConnection::new(Arc::new(config), name).map_err(|e| unfit(&e))?;
    let mut stream = StreamOwned::new(session, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(|e| {
            let hint = "Name the file of the certificate that signs the server's: sslrootcert=… in 'url'.";
            refuse(format!("TLS with Postgres at {place} does not come about: {e}"), hint)
        })?;
    }
    Ok(stream)
}
