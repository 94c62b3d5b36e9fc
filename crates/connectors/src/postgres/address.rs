//! Where a server is and how to sign in: the `url` option in the form of JDBC or of Postgres itself.

use std::time::Duration;

use sloth_types::{Error, Options, Result};

/// How a connection is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: String,
    /// `None` without TLS; else the file of the root certificates, or the public ones.
    pub(super) tls: Option<Option<String>>,
    /// Told to the server at the start (`search_path`, `application_name`, …).
    pub(super) parameters: Vec<(String, String)>,
    /// How long to wait for the server to answer.
    pub(super) timeout: Duration,
}

const USAGE: &str = "Write 'url' = 'jdbc:postgresql://host:5432/database' or 'postgres://host:5432/database'.";

impl Address {
    /// Reads `url`, `username`, `password` and `connection.max-retry-timeout`.
    pub(super) fn of(options: &Options) -> Result<Address> {
        let url = options.require("url")?;
        let invalid = |why: &str| Error::invalid(format!("option 'url': {why}")).hint(USAGE);
        let plain = url.strip_prefix("jdbc:").unwrap_or(url);
        let rest = plain
            .strip_prefix("postgresql://")
            .or_else(|| plain.strip_prefix("postgres://"))
            .ok_or_else(|| invalid("it names no Postgres"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, place) = authority.rsplit_once('@').map_or((None, authority), |(u, p)| (Some(u), p));
        let (host, port) = match place.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| invalid("the port is no number"))?)
            }
            _ => (place, 5432),
        };
        let mut address = Address {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            database: decoded(path).ok_or_else(|| invalid("a % is not followed by two digits"))?,
            user: String::new(),
            password: String::new(),
            tls: None,
            parameters: vec![],
            timeout: options.duration("connection.max-retry-timeout")?.unwrap_or(Duration::from_secs(60)),
        };
        if address.host.is_empty() {
            address.host = "localhost".to_owned();
        }
        if let Some(info) = user_info {
            let (user, password) = info.split_once(':').unwrap_or((info, ""));
            address.user = decoded(user).ok_or_else(|| invalid("a % is not followed by two digits"))?;
            address.password = decoded(password).ok_or_else(|| invalid("a % is not followed by two digits"))?;
        }
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value).ok_or_else(|| invalid("a % is not followed by two digits"))?;
            address.take(key, value)?;
        }
        if let Some(user) = options.get("username") {
            address.user = user.to_owned();
        }
        if let Some(password) = options.get("password") {
            address.password = password.to_owned();
        }
        if address.user.is_empty() {
            return Err(Error::invalid("option 'username' is missing").hint("Add 'username' = '…'."));
        }
        if address.database.is_empty() {
            address.database.clone_from(&address.user);
        }
        Ok(address)
    }

    /// A parameter of the URL.
    fn take(&mut self, key: &str, value: String) -> Result<()> {
        match key {
            "user" => self.user = value,
            "password" => self.password = value,
            "ssl" => self.tls = (value != "false").then(|| self.tls.take().flatten()),
            "sslmode" => match value.as_str() {
                // What does not insist on TLS goes without.
                "disable" | "allow" | "prefer" => self.tls = None,
                "require" | "verify-ca" | "verify-full" => self.tls = Some(self.tls.take().flatten()),
                other => return Err(Error::invalid(format!("option 'url': sslmode '{other}' is not known"))),
            },
            "sslrootcert" => self.tls = Some(Some(value)),
            "currentSchema" => self.parameters.push(("search_path".to_owned(), value)),
            "ApplicationName" => self.parameters.push(("application_name".to_owned(), value)),
            "application_name" | "search_path" | "options" | "statement_timeout" | "lock_timeout" => {
                self.parameters.push((key.to_owned(), value));
            }
            // Of the Java driver: about itself, not about the server. Keepalive is always on here.
            "reWriteBatchedInserts" | "stringtype" | "tcpKeepAlive" | "prepareThreshold" => {}
            "connectTimeout" | "loginTimeout" | "connect_timeout" | "socketTimeout" => {}
            other => {
                return Err(Error::invalid(format!("option 'url': the parameter '{other}' is not known"))
                    .hint("Known: user, password, sslmode, sslrootcert, currentSchema, ApplicationName, options."));
            }
        }
        Ok(())
    }

    /// The place, for messages: without the password.
    pub(super) fn place(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }
}

/// Text with `%20` and their like resolved.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, more: &[(&str, &str)]) -> Result<Address> {
        let all = [("url", url)].into_iter().chain(more.iter().copied());
        Address::of(&Options::new(all.map(|(k, v)| (k.to_owned(), v.to_owned()))))
    }

    #[test]
    fn urls_of_jdbc_and_of_postgres_say_the_same() {
        let jdbc =
            of("jdbc:postgresql://db:6432/shop?currentSchema=a&ssl=true", &[("username", "u"), ("password", "p")]);
        let own = of("postgres://u:p@db:6432/shop?search_path=a&sslmode=verify-full", &[]);
        assert_eq!(jdbc.unwrap(), own.unwrap());
    }

    #[test]
    fn what_is_left_out_is_what_the_server_takes_by_default() {
        let address = of("postgresql://localhost", &[("username", "me")]).unwrap();
        assert_eq!((address.port, address.database.as_str(), address.tls), (5432, "me", None));
        let address = of("postgres://a%40b:%3a%2f@[::1]:1/x%20y", &[]).unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 1));
        assert_eq!((address.user.as_str(), address.password.as_str(), address.database.as_str()), ("a@b", ":/", "x y"));
    }

    #[test]
    fn wrong_urls_say_what_is_wrong() {
        for (url, expected) in [
            ("jdbc:mysql://h/d", "it names no Postgres"),
            ("postgres://u@h:x/d", "the port is no number"),
            ("postgres://u:%4@h/d", "a % is not followed by two digits"),
            ("postgres://h/d", "'username' is missing"),
            ("postgres://u@h/d?sslmode=maybe", "sslmode 'maybe' is not known"),
            ("postgres://u@h/d?nonsense=1", "the parameter 'nonsense' is not known"),
        ] {
            let error = of(url, &[]).unwrap_err();
            assert!(error.message().contains(expected), "{url}: {error}");
        }
    }
}
