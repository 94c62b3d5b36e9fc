//! Which columns of a table stand in the record's value, which in its key, and which in its envelope.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use sloth_types::table::MetadataColumn;
use sloth_types::{Error, Options, Result, TableSpec};

use crate::format;

/// Options of both directions, besides `properties.*` and those of the formats.
pub(super) const COMMON_OPTIONS: [&str; 8] = [
    "connector",
    "topic",
    "format",
    "value.format",
    "key.format",
    "key.fields",
    "key.fields-prefix",
    "value.fields-include",
];

/// A value of the record's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meta {
    /// Name of the topic.
    Topic,
    /// Number of the partition.
    Partition,
    /// Offset in the partition.
    Offset,
    /// Milliseconds since 1970 (UTC).
    Timestamp,
    /// `CreateTime`, `LogAppendTime` or `NoTimestampType`.
    TimestampType,
    /// Always NULL: the client library does not show it.
    LeaderEpoch,
    /// Map of name to bytes.
    Headers,
}

impl Meta {
    fn parse(key: &str) -> Result<Self> {
        Ok(match key {
            "topic" => Meta::Topic,
            "partition" => Meta::Partition,
            "offset" => Meta::Offset,
            "timestamp" => Meta::Timestamp,
            "timestamp-type" => Meta::TimestampType,
            "leader-epoch" => Meta::LeaderEpoch,
            "headers" => Meta::Headers,
            other => {
                return Err(Error::invalid(format!("metadata '{other}' is not known to connector 'kafka'")).hint(
                    "Known metadata: topic, partition, offset, timestamp, timestamp-type, leader-epoch, headers.",
                ));
            }
        })
    }
}

/// One half of a record: its format and the columns that it holds, under the names that the format sees.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// `json`, `csv`, …
    pub(super) format: String,
    /// Options for the format, as `json.…`.
    pub(super) options: Options,
    /// The columns, as a table of their own.
    pub(super) table: TableSpec,
    /// Names of the same columns in the whole table.
    pub(super) columns: Vec<String>,
}

impl Part {
    /// The part's schema restricted to `wanted`, fields of the whole table; with their positions in `wanted`.
    fn project(&self, wanted: &Schema) -> (SchemaRef, Vec<usize>) {
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut places = Vec::new();
        for (place, field) in wanted.fields().iter().enumerate() {
            if let Some(index) = self.columns.iter().position(|c| c == field.name()) {
                let name = self.table.schema.field(index).name();
                fields.push(Arc::new(field.as_ref().clone().with_name(name)));
                places.push(place);
            }
        }
        (Arc::new(Schema::new(fields)), places)
    }

    /// Indexes of the part's columns in `schema`, in the part's order.
    pub(super) fn indexes(&self, schema: &Schema) -> Result<Vec<usize>> {
        self.columns.iter().map(|name| schema.index_of(name).map_err(Error::from)).collect()
    }
}

/// Where a column of a read comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Column of the decoded value.
    Value(usize),
    /// Column of the decoded key.
    Key(usize),
    /// The envelope.
    Meta(Meta),
}

/// What a read has to decode and how its columns are put together.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    /// Schema of the rows asked for.
    pub(super) schema: SchemaRef,
    /// Columns to decode from the value.
    pub(super) value: SchemaRef,
    /// Columns to decode from the key; `None` when the key is not decoded.
    pub(super) key: Option<SchemaRef>,
    /// For each column of `schema` where it comes from.
    pub(super) origins: Vec<Origin>,
}

/// The columns of a table by where they stand in a record.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The record's value.
    pub(super) value: Part,
    /// The record's key, if it is used.
    pub(super) key: Option<Part>,
    /// Whether the key's columns stand in the value, too (`value.fields-include` = `ALL`).
    key_in_value: bool,
    /// Columns from the envelope, by name, and whether a sink ignores them.
    meta: Vec<(String, Meta, bool)>,
}

impl Columns {
    /// The columns of a `kafka` table: the key is as `key.fields` says.
    ///
    /// # Errors
    /// When the options are wrong or do not fit the columns.
    pub(super) fn keyed_by_option(table: &TableSpec) -> Result<Self> {
        let fields: Vec<String> = match table.options.get("key.fields") {
            Some(list) => list.split(';').map(str::trim).filter(|f| !f.is_empty()).map(str::to_owned).collect(),
            None => Vec::new(),
        };
        match (table.options.get("key.format"), fields.is_empty()) {
            (Some(_), true) => Err(Error::invalid("option 'key.format' needs 'key.fields'")
                .hint("Name the columns of the record's key: 'key.fields' = 'a;b'.")),
            (None, false) => Err(Error::invalid("option 'key.fields' needs 'key.format'")
                .hint("Say how the record's key is written: 'key.format' = 'json' or 'raw'.")),
            _ => Columns::new(table, fields),
        }
    }

    /// The columns of an `upsert-kafka` table: the key is the primary key.
    ///
    /// # Errors
    /// As [`Columns::keyed_by_option`].
    pub(super) fn keyed_by_primary_key(table: &TableSpec) -> Result<Self> {
        if table.primary_key.is_empty() {
            return Err(Error::invalid(format!(
                "table '{}' with connector 'upsert-kafka' has no primary key",
                table.name
            ))
            .hint("Add PRIMARY KEY (…) NOT ENFORCED; its columns become the record's key."));
        }
        table.options.require("key.format")?;
        if table.options.get("key.fields").is_some() {
            return Err(Error::invalid("option 'key.fields' is not known to connector 'upsert-kafka'")
                .hint("The record's key is the PRIMARY KEY of the table."));
        }
        Columns::new(table, table.primary_key.clone())
    }

    fn new(table: &TableSpec, key_columns: Vec<String>) -> Result<Self> {
        let options = &table.options;
        let prefix = options.get("key.fields-prefix").unwrap_or_default();
        let key_in_value = match options.get("value.fields-include").unwrap_or("ALL") {
            all if all.eq_ignore_ascii_case("all") => true,
            except if except.eq_ignore_ascii_case("except_key") => false,
            other => {
                return Err(Error::invalid(format!("option 'value.fields-include' = '{other}'"))
                    .hint("Write 'ALL' or 'EXCEPT_KEY'."));
            }
        };
        if !prefix.is_empty() && key_in_value {
            return Err(Error::invalid("option 'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'")
                .hint("With a prefix the key's columns have names of their own and cannot stand in the value."));
        }
        let format = options.get("format").or(options.get("value.format")).unwrap_or_default();
        // Metadata of the value's format is read with the value.
        let of_value = |m: &&MetadataColumn| m.key.starts_with("value.") && format::has_metadata(format, &m.key);
        let meta = (table.metadata.iter().filter(|m| !of_value(m)))
            .map(|m| Ok((m.column.clone(), Meta::parse(&m.key)?, m.read_only)))
            .collect::<Result<Vec<_>>>()?;
        let metadata: Vec<MetadataColumn> = table.metadata.iter().filter(of_value).cloned().collect();
        let physical: Vec<String> = (table.schema.fields().iter().map(|f| f.name().clone()))
            .filter(|name| !table.metadata.iter().any(|m| m.column == *name))
            .collect();
        for name in &key_columns {
            if !physical.contains(name) {
                return Err(Error::invalid(format!(
                    "key column '{name}' is not a physical column of '{}'",
                    table.name
                ))
                .hint(format!("Physical columns: {}.", physical.join(", "))));
            }
        }
        let value_columns: Vec<String> =
            physical.into_iter().filter(|name| key_in_value || !key_columns.contains(name)).collect();
        let (value_format, value_options) = match (options.get("format"), options.get("value.format")) {
            (Some(format), None) => (format, options.clone()),
            (None, Some(format)) => (format, under(options, "value.")),
            (None, None) => return Err(options.require("format").err().unwrap_or_else(|| Error::internal("format"))),
            (Some(_), Some(_)) => {
                return Err(
                    Error::invalid("options 'format' and 'value.format' exclude each other").hint("Remove one.")
                );
            }
        };
        let key = match options.get("key.format") {
            Some(format) => Some(part(table, format, under(options, "key."), key_columns, prefix)?),
            None => None,
        };
        let value_columns = value_columns.into_iter().chain(metadata.iter().map(|m| m.column.clone())).collect();
        let mut value = part(table, value_format, value_options, value_columns, "")?;
        value.table.metadata = metadata;
        value.table.primary_key.clone_from(&table.primary_key);
        Ok(Columns { value, key, key_in_value, meta })
    }

    /// The prefixes of the options that belong to the formats.
    pub(super) fn format_prefixes(&self) -> Vec<String> {
        let mut prefixes = vec![format!("{}.", self.value.format), format!("value.{}.", self.value.format)];
        prefixes.extend(self.key.iter().map(|key| format!("key.{}.", key.format)));
        prefixes
    }

    /// How to read the columns `schema` of the table.
    ///
    /// # Errors
    /// When a column is not one of the table's.
    pub(super) fn project(&self, schema: &SchemaRef) -> Result<Projection> {
        let mut origins: Vec<Option<Origin>> = vec![None; schema.fields().len()];
        let mut put = |place: usize, origin| {
            if let Some(slot) = origins.get_mut(place) {
                *slot = Some(origin);
            }
        };
        // Columns that stand in both are taken from the value, as Flink does.
        let key = self.key.as_ref().filter(|_| !self.key_in_value).map(|key| key.project(schema));
        for (index, place) in key.iter().flat_map(|(_, places)| places).enumerate() {
            put(*place, Origin::Key(index));
        }
        let (value, places) = self.value.project(schema);
        for (index, place) in places.iter().enumerate() {
            put(*place, Origin::Value(index));
        }
        for (place, field) in schema.fields().iter().enumerate() {
            if let Some((_, meta, _)) = self.meta.iter().find(|(name, ..)| name == field.name()) {
                put(place, Origin::Meta(*meta));
            }
        }
        let origins = origins
            .into_iter()
            .zip(schema.fields())
            .map(|(origin, field)| {
                origin.ok_or_else(|| Error::internal(format!("column '{}' is not known", field.name())))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Projection { schema: Arc::clone(schema), value, key: key.map(|(schema, _)| schema), origins })
    }

    /// The key's columns among those of `schema`, and their places there.
    pub(super) fn project_key(&self, schema: &Schema) -> (SchemaRef, Vec<usize>) {
        self.key.as_ref().map_or_else(|| (Arc::new(Schema::empty()), vec![]), |key| key.project(schema))
    }

    /// Index in `schema` of the column that a sink writes into the envelope as `meta`.
    ///
    /// # Errors
    /// When a column that a sink would have to write cannot be written.
    pub(super) fn written(&self, schema: &Schema, meta: Meta) -> Option<usize> {
        let (name, ..) = self.meta.iter().find(|(_, m, read_only)| *m == meta && !read_only)?;
        schema.index_of(name).ok()
    }

    /// Fails when a metadata column is declared as one that a sink writes, but Kafka sets it by itself.
    ///
    /// # Errors
    /// On the first such column.
    pub(super) fn check_writable(&self) -> Result<()> {
        match self.meta.iter().find(|(_, m, read_only)| !read_only && !matches!(m, Meta::Timestamp | Meta::Headers)) {
            Some((name, ..)) => Err(Error::invalid(format!("metadata column '{name}' cannot be written"))
                .hint("Declare it as METADATA … VIRTUAL: only 'timestamp' and 'headers' can be written.")),
            None => Ok(()),
        }
    }
}

/// The options that start with `prefix`, without it.
fn under(options: &Options, prefix: &str) -> Options {
    Options::new(options.with_prefix(prefix).map(|(k, v)| (k.to_owned(), v.to_owned())))
}

/// A half of the record with these columns, which have names without `prefix` there.
fn part(table: &TableSpec, format: &str, options: Options, columns: Vec<String>, prefix: &str) -> Result<Part> {
    let fields = columns
        .iter()
        .map(|column| {
            let field = table.schema.field_with_name(column)?;
            let name = column.strip_prefix(prefix).ok_or_else(|| {
                Error::invalid(format!("key column '{column}' does not start with 'key.fields-prefix' = '{prefix}'"))
                    .hint("Rename the column or change the prefix.")
            })?;
            Ok(field.clone().with_name(name))
        })
        .collect::<Result<Vec<_>>>()?;
    let table = TableSpec {
        name: table.name.clone(),
        schema: Arc::new(Schema::new(fields)),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: options.clone(),
        time_zone: table.time_zone.clone(),
        partition_by: vec![],
    };
    Ok(Part { format: format.to_owned(), options, table, columns })
}
