//! The description of a screen: what `screen.yaml` may say. See `docs/screen.md`.

mod check;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use sloth_types::{Error, Result};

use crate::hub::ScreenTable;

/// A checked description: every tile's table and columns exist. Serialises to what `GET /api/screen` answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScreenSpec {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle: Option<String>,
    locale: Locale,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    timestamps: Timestamps,
    theme: Theme,
    grid: Grid,
    tiles: Vec<Tile>,
}

/// The file as written, before it is held against the tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ScreenFile {
    title: String,
    subtitle: Option<String>,
    #[serde(default)]
    locale: Locale,
    time_zone: Option<String>,
    #[serde(default)]
    timestamps: Timestamps,
    #[serde(default)]
    theme: Theme,
    #[serde(default)]
    grid: Grid,
    tiles: Vec<Spanned<Tile>>,
}

/// Language of the page's own words and form of its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Locale {
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    #[serde(rename = "en")]
    En,
}

/// What a TIMESTAMP without time zone means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Timestamps {
    /// Wall time, shown as it is.
    #[default]
    Wall,
    /// A moment in UTC, shown in the screen's time zone.
    Utc,
}

/// Colours as `#rrggbb`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Theme {
    /// Lines, bars, borders.
    #[serde(skip_serializing_if = "Option::is_none")]
    accent: Option<String>,
    /// The colour for what matters most: the main number, first places.
    #[serde(skip_serializing_if = "Option::is_none")]
    highlight: Option<String>,
    /// The page's background.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<String>,
}

/// The grid that tiles are placed on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    columns: u16,
    rows: u16,
}

impl Default for Grid {
    fn default() -> Self {
        Grid { columns: 24, rows: 12 }
    }
}

/// Place of a tile: its upper left cell, counted from 1, and its extent in cells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    column: u16,
    row: u16,
    width: u16,
    height: u16,
}

/// One tile. Which fields a type needs and takes is in `check.rs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tile {
    /// `number`, `line`, `bar`, `pie`, `table`, `map` or `feed`.
    #[serde(rename = "type")]
    kind: String,
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<Column>>,
    /// Only rows in which this column has its greatest value: the newest window.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<Sort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<String>,
    /// Number: also draw how the value went.
    #[serde(skip_serializing_if = "Option::is_none")]
    sparkline: Option<bool>,
    /// Number in the style `gauge`: the value of the full ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// Map: how many places pulse.
    #[serde(skip_serializing_if = "Option::is_none")]
    highlight: Option<u32>,
}

/// A column of a table or feed tile.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Column {
    column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<String>,
}

/// Order of the rows of a tile.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sort {
    by: String,
    #[serde(default)]
    order: Order,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Desc,
    Asc,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// With thousands separators.
    Plain,
    /// Shortened: 1.2亿, 3.4M.
    Compact,
    /// A share of 1 as per cent.
    Percent,
    /// A timestamp as the time of day.
    Time,
    /// A timestamp as date and time.
    Datetime,
}

impl ScreenSpec {
    /// Reads a YAML or JSON file and holds it against the tables that exist.
    ///
    /// # Errors
    /// When the file cannot be read or is wrong; the message names the line.
    pub fn read(path: &Path, tables: &[ScreenTable]) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::invalid(format!("screen description {} cannot be read: {e}", path.display())))?;
        Self::parse(&text, tables).map_err(|e| e.context(path.display()))
    }

    /// As [`ScreenSpec::read`], from a text.
    ///
    /// # Errors
    /// When the text is wrong.
    pub fn parse(text: &str, tables: &[ScreenTable]) -> Result<Self> {
        let file: ScreenFile =
            serde_saphyr::from_str(text).map_err(|e| Error::invalid(format!("not a screen description: {e}")))?;
        check::check(&file, tables)?;
        let ScreenFile { title, subtitle, locale, time_zone, timestamps, theme, grid, tiles } = file;
        let tiles = tiles.into_iter().map(|t| t.value).collect();
        Ok(ScreenSpec { title, subtitle, locale, time_zone, timestamps, theme, grid, tiles })
    }

    /// A plain screen for when no description is given: each table as a list.
    pub fn automatic(tables: &[ScreenTable]) -> Self {
        let tile = |table: &ScreenTable| Tile {
            title: Some(table.name.clone()),
            limit: Some(20),
            ..Tile::new("table", &table.name)
        };
        ScreenSpec {
            title: "Sloth".into(),
            subtitle: None,
            locale: Locale::En,
            time_zone: None,
            timestamps: Timestamps::default(),
            theme: Theme::default(),
            grid: Grid::default(),
            tiles: tables.iter().map(tile).collect(),
        }
    }
}

impl Tile {
    fn new(kind: &str, table: &str) -> Self {
        Tile {
            kind: kind.into(),
            table: table.into(),
            title: None,
            at: None,
            style: None,
            value: None,
            label: None,
            x: None,
            y: None,
            series: None,
            columns: None,
            latest: None,
            sort: None,
            limit: None,
            format: None,
            decimals: None,
            prefix: None,
            suffix: None,
            sparkline: None,
            max: None,
            highlight: None,
        }
    }
}
