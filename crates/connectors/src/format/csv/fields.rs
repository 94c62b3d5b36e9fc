//! Which field of a line is which column, and fields that hold several values.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_types::{Error, Result};

use super::super::shred::{Child, Kind, Node, Text, Token};
use super::{CsvStyle, is_nested};

/// Place of each projected column in a line.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    width: usize,
    places: Vec<usize>,
}

impl Layout {
    /// The places of the columns of `schema` among `names`.
    ///
    /// # Errors
    /// When a column is not among them.
    pub(super) fn by_name<'a>(names: impl Iterator<Item = &'a [u8]>, schema: &Schema) -> Result<Layout> {
        let names: Vec<&[u8]> = names.collect();
        let place = |field: &Arc<Field>| {
            names.iter().position(|name| *name == field.name().as_bytes()).ok_or_else(|| {
                let known: Vec<_> = names.iter().map(|n| String::from_utf8_lossy(n)).collect();
                Error::data(format!("there is no column '{}' in the CSV data", field.name()))
                    .hint(format!("The columns are: {}.", known.join(", ")))
            })
        };
        let places: Result<Vec<usize>> = schema.fields().iter().map(place).collect();
        Ok(Layout { width: names.len(), places: places? })
    }

    /// Fields of a line.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Place of each projected column.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }
}

/// CSV has scalars, and one level of ARRAY or ROW over them, as in Flink.
pub(super) fn check_type(data_type: &DataType) -> Result<()> {
    let scalar = |t: &DataType| match Node::of(t)? {
        Node::Leaf(_) => Ok(()),
        _ => Err(Error::unsupported(format!("CSV has no nested type {t}")).hint("Use the format 'json'.")),
    };
    match data_type {
        DataType::List(item) => scalar(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| scalar(f.data_type())),
        other => scalar(other),
    }
}

/// Turns the cells into columns; fields of nested types are cut at the element delimiter.
pub(super) fn nest(
    cells: &mut [Vec<Token>],
    schema: &SchemaRef,
    block: &[u8],
    scratch: &mut Vec<u8>,
    style: &CsvStyle,
) -> Result<Vec<Child>> {
    let mut columns = Vec::with_capacity(cells.len());
    for (field, cells) in schema.fields().iter().zip(cells) {
        let tokens = std::mem::take(cells);
        let node = if is_nested(field.data_type()) {
            let mut node = Node::of(field.data_type())?;
            for token in &tokens {
                push_nested(&mut node, *token, block, scratch, style);
            }
            *cells = tokens;
            node
        } else {
            Node::Leaf(tokens)
        };
        columns.push(Child { field: field.clone(), node });
    }
    Ok(columns)
}

/// Gives the buffers of the cells back.
pub(super) fn take_back(columns: Vec<Child>, cells: &mut [Vec<Token>]) {
    for (column, cells) in columns.into_iter().zip(cells) {
        if let Node::Leaf(tokens) = column.node {
            *cells = tokens;
        }
    }
}

fn push_nested(node: &mut Node, token: Token, block: &[u8], scratch: &mut Vec<u8>, style: &CsvStyle) {
    let text = Text { block, scratch }.of(token).to_vec();
    if token.is_null() || text.is_empty() {
        return node.push_null();
    }
    // The elements are copied, because the field itself may stand in the scratch buffer.
    let mut push = |part: &[u8]| {
        let begin = scratch.len();
        scratch.extend_from_slice(part);
        match &style.null {
            Some(null) if null.as_slice() == part => Token::NULL,
            _ => Token::new(begin, scratch.len(), Kind::Scratch),
        }
    };
    let mut parts = Vec::new();
    let mut rest = text.as_slice();
    while let Some(at) = memchr::memmem::find(rest, &style.element_delimiter) {
        parts.push(push(rest.get(..at).unwrap_or_default()));
        rest = rest.get(at + style.element_delimiter.len()..).unwrap_or_default();
    }
    parts.push(push(rest));
    match node {
        Node::List { valid, ends, item, .. } => {
            if let Node::Leaf(tokens) = item.as_mut() {
                tokens.extend(parts);
            }
            valid.push(true);
            ends.push(item.len() as u32);
        }
        Node::Struct { valid, children } => {
            valid.push(true);
            // Missing parts are NULL; with a NOT NULL child that is an error of its column.
            let mut parts = parts.into_iter();
            for child in children {
                match (&mut child.node, parts.next()) {
                    (Node::Leaf(tokens), Some(token)) => tokens.push(token),
                    (other, _) => other.push_null(),
                }
            }
        }
        Node::Leaf(tokens) => tokens.push(token),
    }
}
