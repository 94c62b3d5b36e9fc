//! `properties.*`: the Java client's names and values, translated for librdkafka.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use sloth_types::{Error, Options, Result, TableSpec};

/// Properties of the Java client that have another name in librdkafka, and the second names of those that we set.
const RENAMED: [(&str, &str); 11] = [
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("compression.type", "compression.codec"),
    ("request.required.acks", "acks"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
    ("ssl.keystore.key", "ssl.key.pem"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
];

/// Properties without a meaning here: how a Java client polls, (de)serialises and reports, or Flink's own.
const IGNORED: [&str; 15] = [
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "max.poll.records",
    "partition.assignment.strategy",
    "interceptor.classes",
    "metric.reporters",
    "enable.auto.offset.store",
    "partition.discovery.interval.ms",
    "flink.partition-discovery.interval-millis",
    "client.id.prefix",
    "commit.offsets.on.checkpoint",
    "register.consumer.metrics",
    "enable.partition.eof",
];

/// Pause before a broker is reached again (ms), which doubles up to the second. librdkafka (as of 2.12) also pauses between the
/// broker that it was told and the same one as it learns of it: with its own 100 ms a client takes 50 ms longer to start.
const RECONNECT_MS: [&str; 2] = ["10", "1000"];

/// How a table reaches its brokers.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// `bootstrap.servers`.
    pub(super) servers: String,
    /// `group.id`, when given.
    pub(super) group: Option<String>,
    /// How often read positions are committed to the group, for monitoring; `None` for never.
    pub(super) commit_interval: Option<Duration>,
    /// Longest wait for an answer of the brokers at the start (`default.api.timeout.ms`, 10 s).
    pub(super) timeout: Duration,
    /// `auto.offset.reset`: what to do when an offset is missing or gone; `None` is to fail.
    pub(super) reset: Option<Reset>,
    /// The rest, under librdkafka's names.
    properties: BTreeMap<String, String>,
}

/// Where to go on when an offset is missing or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// The oldest record that is left.
    Earliest,
    /// After the newest record.
    Latest,
}

impl Connection {
    /// The connection of a table.
    ///
    /// # Errors
    /// When a property is missing, wrong, or not offered by librdkafka.
    pub(super) fn new(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        let servers = options.require("properties.bootstrap.servers")?.to_owned();
        let group = options.get("properties.group.id").map(str::to_owned);
        let millis =
            |key, default| options.parse_or(key, "a number of milliseconds", default).map(Duration::from_millis);
        let interval = millis("properties.auto.commit.interval.ms", 5_000)?;
        let commits = group.is_some() && options.parse_or("properties.enable.auto.commit", "true or false", true)?;
        let reset = match options.get("properties.auto.offset.reset") {
            None | Some("none" | "error") => None,
            Some("earliest" | "smallest" | "beginning") => Some(Reset::Earliest),
            Some("latest" | "largest" | "end") => Some(Reset::Latest),
            Some(other) => {
                return Err(Error::invalid(format!("option 'properties.auto.offset.reset' = '{other}'"))
                    .hint("Write 'earliest', 'latest' or 'none'."));
            }
        };
        let timeout = millis("properties.default.api.timeout.ms", 10_000)?;
        let properties = translate(options)?;
        Ok(Connection { servers, group, commit_interval: commits.then_some(interval), timeout, reset, properties })
    }

    /// Configuration of the client that reads: low latency, bounded queues, positions kept by us.
    ///
    /// # Errors
    /// When librdkafka does not know a property or refuses its value.
    pub(super) fn consumer(&self) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        // Wait for data at the broker: a fetch is answered at once when there is some. The bound matters to a partition
        // that joins a broker's running fetch, and to notice the end of a partition.
        config.set("fetch.wait.max.ms", "50");
        // A full queue is looked at again after this time, not after a second.
        config.set("fetch.queue.backoff.ms", "2");
        config.set("queued.min.messages", "30000");
        config.set("queued.max.messages.kbytes", "8192");
        config.set("socket.nagle.disable", "true");
        config.set("reconnect.backoff.ms", RECONNECT_MS[0]).set("reconnect.backoff.max.ms", RECONNECT_MS[1]);
        config.set("isolation.level", "read_committed");
        config.set("group.id", "sloth");
        self.apply(&mut config);
        config.set("enable.partition.eof", "true");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set(
            "auto.offset.reset",
            match self.reset {
                None => "error",
                Some(Reset::Earliest) => "earliest",
                Some(Reset::Latest) => "latest",
            },
        );
        check(config)
    }

    /// Configuration of the client that writes: nothing lost, nothing doubled or swapped by a retry.
    ///
    /// # Errors
    /// As [`Connection::consumer`].
    pub(super) fn producer(&self, keyed: bool) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        // A request has to be answered before the next one for its partition is due, or librdkafka's thread spins until
        // then. Keys scatter records over all partitions. Without a key the writer makes one full request after the
        // other; those are sent at once, and only the last one of an epoch lingers.
        config.set("linger.ms", if keyed { "5" } else { "3" });
        config.set("batch.num.messages", if keyed { "20000" } else { "1000" });
        // Cheap beside what brokers spend on every byte.
        config.set("compression.codec", "lz4");
        config.set("enable.idempotence", "true");
        config.set("delivery.timeout.ms", "120000");
        config.set("queue.buffering.max.kbytes", "32768");
        config.set("socket.nagle.disable", "true");
        config.set("reconnect.backoff.ms", RECONNECT_MS[0]).set("reconnect.backoff.max.ms", RECONNECT_MS[1]);
        // As the Java client: records with equal keys meet in one partition, whoever wrote them.
        config.set("partitioner", "murmur2_random");
        self.apply(&mut config);
        if self.properties.get("acks").is_some_and(|acks| acks == "0" || acks == "1") {
            config.set("enable.idempotence", "false");
        }
        check(config)
    }

    /// True when the table's options give this property.
    pub(super) fn sets(&self, property: &str) -> bool {
        self.properties.contains_key(property)
    }

    fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties {
            config.set(key.as_str(), value.as_str());
        }
    }
}

/// Lets librdkafka look at names and values without making a client.
fn check(config: ClientConfig) -> Result<ClientConfig> {
    match config.create_native_config() {
        Ok(_) => Ok(config),
        Err(KafkaError::ClientConfig(_, reason, key, value)) => {
            Err(Error::invalid(format!("option 'properties.{key}' = '{value}' is not accepted"))
                .detail(reason)
                .hint("Properties are those of librdkafka; most have the names of the Java client."))
        }
        Err(error) => Err(Error::invalid(format!("the 'properties.*' of the table are not accepted: {error}"))),
    }
}

fn translate(options: &Options) -> Result<BTreeMap<String, String>> {
    let ours = ["default.api.timeout.ms", "enable.auto.commit", "auto.commit.interval.ms", "auto.offset.reset"];
    let mut out = BTreeMap::new();
    for (key, value) in options.with_prefix("properties.") {
        if ours.contains(&key) || IGNORED.contains(&key) {
            continue;
        }
        match key {
            "sasl.jaas.config" => jaas(value, &mut out)?,
            "buffer.memory" => {
                let bytes: u64 = options.parse_or("properties.buffer.memory", "a number of bytes", 0)?;
                out.insert("queue.buffering.max.kbytes".to_owned(), (bytes / 1024).max(1).to_string());
            }
            "ssl.endpoint.identification.algorithm" if value.is_empty() => {
                out.insert(key.to_owned(), "none".to_owned());
            }
            "ssl.truststore.type" | "ssl.truststore.password" | "ssl.keystore.type" => {}
            "ssl.truststore.location" => trust_store(options, value, &mut out)?,
            "ssl.keystore.location" => key_store(options, value, &mut out)?,
            _ => {
                let name = RENAMED.iter().find(|(java, _)| *java == key).map_or(key, |(_, ours)| ours);
                out.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    Ok(out)
}

fn trust_store(options: &Options, path: &str, out: &mut BTreeMap<String, String>) -> Result<()> {
    if !options.get("properties.ssl.truststore.type").is_some_and(|t| t.eq_ignore_ascii_case("pem")) {
        return Err(Error::unsupported("a Java trust store (JKS) cannot be read")
            .hint("Export the certificates as PEM and give the file as 'properties.ssl.ca.location'."));
    }
    out.insert("ssl.ca.location".to_owned(), path.to_owned());
    Ok(())
}

fn key_store(options: &Options, path: &str, out: &mut BTreeMap<String, String>) -> Result<()> {
    match options.get("properties.ssl.keystore.type").map(str::to_ascii_lowercase).as_deref() {
        Some("pem") => {
            out.insert("ssl.key.location".to_owned(), path.to_owned());
            out.insert("ssl.certificate.location".to_owned(), path.to_owned());
        }
        Some("pkcs12") => {
            out.insert("ssl.keystore.location".to_owned(), path.to_owned());
        }
        _ => {
            return Err(Error::unsupported("a Java key store (JKS) cannot be read").hint(
                "Convert it to PKCS12 or PEM and say so with 'properties.ssl.keystore.type' = 'PKCS12' or 'PEM'.",
            ));
        }
    }
    Ok(())
}

/// `org.….PlainLoginModule required username="u" password="p";` as user name and password.
fn jaas(text: &str, out: &mut BTreeMap<String, String>) -> Result<()> {
    let wrong = |what: &str| {
        Error::invalid(format!("option 'properties.sasl.jaas.config': {what}")).hint(
            "Write '…PlainLoginModule required username=\"…\" password=\"…\";' or \
             use 'properties.sasl.username' and 'properties.sasl.password'.",
        )
    };
    let module = text.split_whitespace().next().unwrap_or_default();
    if !module.ends_with("PlainLoginModule") && !module.ends_with("ScramLoginModule") {
        return Err(wrong(&format!(
            "login module '{module}' is not offered, only PlainLoginModule and ScramLoginModule"
        )));
    }
    for (name, ours) in [("username", "sasl.username"), ("password", "sasl.password")] {
        let value = jaas_value(text, name).ok_or_else(|| wrong(&format!("{name} is missing")))?;
        out.insert(ours.to_owned(), value);
    }
    Ok(())
}

fn jaas_value(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!("{name}="))? + name.len() + 1;
    let rest = text.get(start..)?;
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest.split(|c: char| c.is_whitespace() || c == ';').next().map(str::to_owned);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}
