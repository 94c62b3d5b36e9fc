//! Holds a screen description against the tables that exist, and says what to mend.

use sloth_types::options::edit_distance;
use sloth_types::{Error, Result};

use super::{Grid, Place, ScreenFile, Tile};
use crate::hub::ScreenTable;

/// What a tile type needs and takes besides `type`, `table`, `title` and `at`.
struct Kind {
    name: &'static str,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
    styles: &'static [&'static str],
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "number",
        needs: &["value"],
        takes: &["style", "latest", "format", "decimals", "prefix", "suffix", "sparkline", "max"],
        styles: &["plain", "flip", "gauge"],
    },
    Kind {
        name: "line",
        needs: &["x", "y"],
        takes: &["style", "series", "limit", "format", "decimals", "prefix", "suffix"],
        styles: &["area", "line"],
    },
    Kind {
        name: "bar",
        needs: &["label", "value"],
        takes: &["style", "latest", "sort", "limit", "format", "decimals", "prefix", "suffix"],
        styles: &["rank", "columns"],
    },
    Kind {
        name: "pie",
        needs: &["label", "value"],
        takes: &["style", "latest", "sort", "limit", "format", "decimals", "prefix", "suffix"],
        styles: &["ring", "rose"],
    },
    Kind { name: "table", needs: &[], takes: &["columns", "latest", "sort", "limit"], styles: &[] },
    Kind {
        name: "map",
        needs: &["label", "value"],
        takes: &["latest", "format", "decimals", "prefix", "suffix", "highlight"],
        styles: &[],
    },
    Kind { name: "feed", needs: &[], takes: &["columns", "limit"], styles: &[] },
];

/// Cells that a screen may have in either direction.
const GRID_MAX: u16 = 100;

pub(super) fn check(file: &ScreenFile, tables: &[ScreenTable]) -> Result<()> {
    if !(1..=GRID_MAX).contains(&file.grid.columns) || !(1..=GRID_MAX).contains(&file.grid.rows) {
        return Err(Error::invalid(format!(
            "the grid has {} columns and {} rows: each must be from 1 to {GRID_MAX}",
            file.grid.columns, file.grid.rows
        )));
    }
    check_colours(file)?;
    for (index, tile) in file.tiles.iter().enumerate() {
        let name = tile.value.title.as_ref().map_or(String::new(), |title| format!(" '{title}'"));
        check_tile(&tile.value, file.grid, tables)
            .map_err(|e| e.context(format_args!("line {}: tile {}{name}", tile.referenced.line(), index + 1)))?;
    }
    Ok(())
}

fn check_colours(file: &ScreenFile) -> Result<()> {
    let theme = &file.theme;
    let colours = [("accent", &theme.accent), ("highlight", &theme.highlight), ("background", &theme.background)];
    for (name, colour) in colours {
        if let Some(colour) = colour {
            let digits = colour.strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(Error::invalid(format!("theme: '{name}' is '{colour}', not a colour such as '#00e5ff'"))
                    .hint("In YAML write it in quotes: after a bare # comes a comment."));
            }
        }
    }
    Ok(())
}

fn check_tile(tile: &Tile, grid: Grid, tables: &[ScreenTable]) -> Result<()> {
    let Some(kind) = KINDS.iter().find(|k| k.name == tile.kind) else {
        let known = KINDS.map(|k| k.name);
        return Err(unknown(format!("there is no tile type '{}'", tile.kind), &tile.kind, &known, "Tile types"));
    };
    let Some(table) = tables.iter().find(|t| t.name == tile.table) else {
        let known: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
        let error = format!("table '{}' is not written by any INSERT with 'connector' = 'screen'", tile.table);
        return Err(unknown(error, &tile.table, &known, "Tables of the screen"));
    };
    check_fields(tile, kind)?;
    for (field, column) in columns_named(tile) {
        if table.schema.index_of(column).is_err() {
            let known: Vec<&str> = table.schema.fields().iter().map(|f| f.name().as_str()).collect();
            let error = format!("'{field}': table '{}' has no column '{column}'", table.name);
            return Err(unknown(error, column, &known, "Its columns"));
        }
    }
    check_values(tile, kind, table)?;
    tile.at.map_or(Ok(()), |place| check_place(place, grid))
}

fn check_fields(tile: &Tile, kind: &Kind) -> Result<()> {
    let given = fields_given(tile);
    for (field, present) in given {
        if present && !kind.needs.contains(&field) && !kind.takes.contains(&field) {
            let known: Vec<&str> = kind.needs.iter().chain(kind.takes).copied().collect();
            let error = format!("a tile of type '{}' has no '{field}'", kind.name);
            return Err(unknown(error, field, &known, "It takes"));
        }
    }
    for need in kind.needs {
        if given.iter().any(|(field, present)| field == need && !present) {
            return Err(Error::invalid(format!("a tile of type '{}' needs '{need}'", kind.name))
                .hint(format!("Add '{need}: COLUMN' with a column of table '{}'.", tile.table)));
        }
    }
    Ok(())
}

/// Checks what is more than a name.
fn check_values(tile: &Tile, kind: &Kind, table: &ScreenTable) -> Result<()> {
    if let Some(style) = tile.style.as_deref().filter(|s| !kind.styles.contains(s)) {
        let error = format!("a tile of type '{}' has no style '{style}'", kind.name);
        return Err(unknown(error, style, kind.styles, "Styles"));
    }
    let numeric = [("value", &tile.value), ("y", &tile.y)];
    for (field, column) in numeric {
        let found = column.as_deref().and_then(|c| table.schema.field_with_name(c).ok());
        if let Some(found) = found.filter(|f| !f.data_type().is_numeric()) {
            return Err(Error::invalid(format!("'{field}': column '{}' is not a number", found.name()))
                .hint("Name a numeric column, or CAST it in the INSERT."));
        }
    }
    if tile.limit == Some(0) {
        return Err(Error::invalid("'limit' is 0: nothing would be shown").hint("Leave it out for no limit."));
    }
    let fractions = tile.columns.iter().flatten().map(|c| c.decimals).chain([tile.decimals]);
    if fractions.flatten().any(|d| d > 10) {
        return Err(Error::invalid("'decimals' is above 10"));
    }
    if tile.max.is_some_and(|max| !(max.is_finite() && max > 0.0)) {
        return Err(Error::invalid("'max' must be a number above 0"));
    }
    if tile.columns.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid("'columns' is empty").hint("Leave it out for all columns."));
    }
    Ok(())
}

fn check_place(place: Place, grid: Grid) -> Result<()> {
    let fits = |first: u16, extent: u16, size: u16| {
        first >= 1 && extent >= 1 && u32::from(first) + u32::from(extent) <= u32::from(size) + 1
    };
    if fits(place.column, place.width, grid.columns) && fits(place.row, place.height, grid.rows) {
        return Ok(());
    }
    Err(Error::invalid(format!("'at' lies outside the grid of {} columns and {} rows", grid.columns, grid.rows)).hint(
        "Columns and rows count from 1; column + width - 1 and row + height - 1 must not exceed the grid's size.",
    ))
}

/// The fields beyond the common ones, and whether the tile has them.
fn fields_given(tile: &Tile) -> [(&'static str, bool); 17] {
    [
        ("style", tile.style.is_some()),
        ("value", tile.value.is_some()),
        ("label", tile.label.is_some()),
        ("x", tile.x.is_some()),
        ("y", tile.y.is_some()),
        ("series", tile.series.is_some()),
        ("columns", tile.columns.is_some()),
        ("latest", tile.latest.is_some()),
        ("sort", tile.sort.is_some()),
        ("limit", tile.limit.is_some()),
        ("format", tile.format.is_some()),
        ("decimals", tile.decimals.is_some()),
        ("prefix", tile.prefix.is_some()),
        ("suffix", tile.suffix.is_some()),
        ("sparkline", tile.sparkline.is_some()),
        ("max", tile.max.is_some()),
        ("highlight", tile.highlight.is_some()),
    ]
}

/// Every column that the tile names, with the field that names it.
fn columns_named(tile: &Tile) -> impl Iterator<Item = (&'static str, &str)> {
    let single = [
        ("value", tile.value.as_deref()),
        ("label", tile.label.as_deref()),
        ("x", tile.x.as_deref()),
        ("y", tile.y.as_deref()),
        ("series", tile.series.as_deref()),
        ("latest", tile.latest.as_deref()),
        ("sort", tile.sort.as_ref().map(|s| s.by.as_str())),
    ];
    let listed = tile.columns.iter().flatten().map(|c| ("columns", c.column.as_str()));
    single.into_iter().filter_map(|(field, column)| Some((field, column?))).chain(listed)
}

/// An error with the nearest known name, or all of them.
fn unknown(message: String, name: &str, known: &[&str], title: &str) -> Error {
    let near = known.iter().map(|k| (edit_distance(k, name), k)).min();
    Error::invalid(message).hint(match near {
        Some((distance, near)) if distance <= 2.max(name.chars().count() / 3) => format!("Did you mean '{near}'?"),
        Some(_) => format!("{title}: {}.", known.join(", ")),
        None => format!("{title}: none."),
    })
}
