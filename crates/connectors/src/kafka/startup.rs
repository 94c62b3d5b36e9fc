//! Where reading starts and ends: `scan.startup.mode` and `scan.bounded.mode`.

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use sloth_types::{Error, Options, Result};

use super::cluster::Cluster;
use super::properties::Reset;

/// Where the reading of a partition starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// With the oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// Where the consumer group has committed.
    Group,
    /// With the first record that is not older; milliseconds since 1970 (UTC).
    Timestamp(i64),
    /// At these offsets; other partitions at their oldest record.
    Specific(Vec<(i32, i64)>),
}

/// Where the reading of a partition ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bounded {
    /// Never.
    Unbounded,
    /// After what is the newest record at the start.
    Latest,
    /// Where the consumer group has committed.
    Group,
    /// Before the first record that is not older, or at the newest record at the start.
    Timestamp(i64),
    /// Before these offsets; other partitions are not read.
    Specific(Vec<(i32, i64)>),
}

impl Startup {
    /// The start-up mode of a table.
    ///
    /// # Errors
    /// When the mode is not known, or lacks what it needs.
    pub(super) fn new(options: &Options) -> Result<Self> {
        let key = "scan.startup.mode";
        match options.get(key) {
            Some("earliest-offset") => Ok(Startup::Earliest),
            Some("latest-offset") => Ok(Startup::Latest),
            Some("group-offsets") => need_group(options, key).map(|()| Startup::Group),
            // Flink's default.
            None if options.get("properties.group.id").is_some() => Ok(Startup::Group),
            None => Err(Error::invalid("option 'scan.startup.mode' is missing: where should reading start?").hint(
                "Write 'scan.startup.mode' = 'earliest-offset' or 'latest-offset', or give 'properties.group.id' to start \
                 at the offsets that this consumer group has committed.",
            )),
            Some("timestamp") => Ok(Startup::Timestamp(timestamp(options, "scan.startup.timestamp-millis")?)),
            Some("specific-offsets") => Ok(Startup::Specific(specific(options, "scan.startup.specific-offsets")?)),
            Some(other) => Err(unknown_mode(key, other, "earliest-offset, latest-offset")),
        }
    }
}

impl Bounded {
    /// The bounded mode of a table.
    ///
    /// # Errors
    /// As [`Startup::new`].
    pub(super) fn new(options: &Options) -> Result<Self> {
        let key = "scan.bounded.mode";
        match options.get(key) {
            None | Some("unbounded") => Ok(Bounded::Unbounded),
            Some("latest-offset") => Ok(Bounded::Latest),
            Some("group-offsets") => need_group(options, key).map(|()| Bounded::Group),
            Some("timestamp") => Ok(Bounded::Timestamp(timestamp(options, "scan.bounded.timestamp-millis")?)),
            Some("specific-offsets") => Ok(Bounded::Specific(specific(options, "scan.bounded.specific-offsets")?)),
            Some(other) => Err(unknown_mode(key, other, "unbounded, latest-offset")),
        }
    }
}

fn unknown_mode(key: &str, mode: &str, more: &str) -> Error {
    Error::invalid(format!("option '{key}' = '{mode}'"))
        .hint(format!("Known modes: {more}, group-offsets, timestamp, specific-offsets."))
}

fn need_group(options: &Options, key: &str) -> Result<()> {
    options.require("properties.group.id").map(|_| ()).map_err(|e| e.context(format!("'{key}' = 'group-offsets'")))
}

fn timestamp(options: &Options, key: &str) -> Result<i64> {
    options.require(key)?;
    options.parse_or(key, "milliseconds since 1970", 0)
}

/// Parses `partition:0,offset:42;partition:1,offset:300`.
fn specific(options: &Options, key: &str) -> Result<Vec<(i32, i64)>> {
    let text = options.require(key)?;
    let one = |entry: &str| -> Option<(i32, i64)> {
        let (partition, offset) = entry.split_once(',')?;
        let partition = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset = offset.trim().strip_prefix("offset:")?.trim().parse().ok().filter(|o| *o >= 0)?;
        Some((partition, offset))
    };
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    let parsed: Option<Vec<_>> = entries.map(one).collect();
    match parsed {
        Some(offsets) if !offsets.is_empty() => Ok(offsets),
        _ => Err(Error::invalid(format!("option '{key}' = '{text}' is not a list of offsets"))
            .hint("Write 'partition:0,offset:42;partition:1,offset:300'.")),
    }
}

/// The records of a partition that exist now: `low` is the oldest, `high` is after the newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Offset of the oldest record.
    pub(super) low: i64,
    /// Offset after the newest record.
    pub(super) high: i64,
}

/// A partition and the client that knows about it.
pub(super) struct Place<'a> {
    /// The brokers.
    pub(super) cluster: &'a Cluster,
    /// Its topic.
    pub(super) topic: &'a str,
    /// Its number.
    pub(super) partition: i32,
    /// What it holds now.
    pub(super) extent: Extent,
}

impl Place<'_> {
    /// The offset of the first record to read.
    ///
    /// # Errors
    /// When the brokers do not answer, or the group has committed nothing.
    pub(super) fn first(&self, startup: &Startup) -> Result<i64> {
        match startup {
            Startup::Earliest => Ok(self.extent.low),
            Startup::Latest => Ok(self.extent.high),
            Startup::Timestamp(at) => self.at_time(*at),
            Startup::Specific(offsets) => Ok(find(offsets, self.partition).unwrap_or(self.extent.low)),
            Startup::Group => match (self.committed()?, self.cluster.connection.reset) {
                (Some(offset), _) => Ok(offset),
                (None, Some(Reset::Earliest)) => Ok(self.extent.low),
                (None, Some(Reset::Latest)) => Ok(self.extent.high),
                (None, None) => Err(self.nothing_committed().hint(
                    "Set 'properties.auto.offset.reset' = 'earliest' or 'latest' to say where to start then, or choose \
                     another 'scan.startup.mode'.",
                )),
            },
        }
    }

    /// The offset before which reading ends; `None` for never.
    ///
    /// # Errors
    /// As [`Place::first`].
    pub(super) fn stop(&self, bounded: &Bounded) -> Result<Option<i64>> {
        Ok(match bounded {
            Bounded::Unbounded => None,
            Bounded::Latest => Some(self.extent.high),
            Bounded::Timestamp(at) => Some(self.at_time(*at)?),
            Bounded::Specific(offsets) => Some(find(offsets, self.partition).unwrap_or(0)),
            Bounded::Group => Some(
                self.committed()?
                    .ok_or_else(|| self.nothing_committed().hint("Choose another 'scan.bounded.mode'."))?,
            ),
        })
    }

    fn list(&self, offset: Option<i64>) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let mut entry = list.add_partition(self.topic, self.partition);
        if let Some(offset) = offset {
            entry.set_offset(Offset::Offset(offset)).map_err(|e| Error::invalid(format!("offset {offset}: {e}")))?;
        }
        Ok(list)
    }

    fn at_time(&self, millis: i64) -> Result<i64> {
        let cluster = self.cluster;
        let found = cluster
            .consumer
            .offsets_for_times(self.list(Some(millis))?, cluster.connection.timeout)
            .map_err(|e| cluster.explain(&format!("find a time in topic '{}'", self.topic), &e))?;
        Ok(match offset_in(&found) {
            Some(Offset::Offset(offset)) => offset,
            _ => self.extent.high,
        })
    }

    fn committed(&self) -> Result<Option<i64>> {
        let cluster = self.cluster;
        let found = cluster
            .consumer
            .committed_offsets(self.list(None)?, cluster.connection.timeout)
            .map_err(|e| cluster.explain("read the offsets of the consumer group", &e))?;
        Ok(match offset_in(&found) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        })
    }

    fn nothing_committed(&self) -> Error {
        Error::invalid(format!(
            "consumer group '{}' has committed no offset of partition {} of topic '{}'",
            self.cluster.connection.group.as_deref().unwrap_or_default(),
            self.partition,
            self.topic
        ))
    }
}

fn find(offsets: &[(i32, i64)], partition: i32) -> Option<i64> {
    offsets.iter().find(|(p, _)| *p == partition).map(|(_, offset)| *offset)
}

fn offset_in(list: &TopicPartitionList) -> Option<Offset> {
    list.elements().first().map(|entry| entry.offset())
}
