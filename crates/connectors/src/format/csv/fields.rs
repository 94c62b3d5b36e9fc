//! Which field of a line is which column, and fields that hold several values.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sloth_types::{Error, Result};

use super::super::shred::{Child, Kind, Leaf, Node, Text, Token, Values};
use super::CsvStyle;

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
    let scalar = |t: &DataType| match Values::default().node(t, false)? {
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
) -> Result<(Vec<Child>, Values)> {
    let mut values = Values::default();
    let columns = values.columns(schema.fields(), false)?;
    for (column, cells) in columns.iter().zip(cells) {
        match &column.node {
            Node::Leaf(leaf) => {
                if let Some(leaf) = values.leaves.get_mut(*leaf) {
                    *leaf = Leaf::Tokens(std::mem::take(cells));
                }
            }
            nested => cells.iter().for_each(|token| push_nested((nested, &mut values), *token, block, scratch, style)),
        }
    }
    Ok((columns, values))
}

/// Gives the buffers of the cells back.
pub(super) fn take_back(columns: &[Child], values: Values, cells: &mut [Vec<Token>]) {
    let mut leaves = values.leaves;
    for (column, cells) in columns.iter().zip(cells) {
        if let Node::Leaf(leaf) = column.node
            && let Some(Leaf::Tokens(tokens)) = leaves.get_mut(leaf)
        {
            *cells = std::mem::take(tokens);
        }
    }
}

fn push_nested(
    (node, values): (&Node, &mut Values),
    token: Token,
    block: &[u8],
    scratch: &mut Vec<u8>,
    style: &CsvStyle,
) {
    let text = Text { block, scratch }.of(token).to_vec();
    if token.is_null() || text.is_empty() {
        return values.push_null(node);
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
    let leaf = |node: &Node, values: &mut Values, token: Token| match node {
        Node::Leaf(leaf) => values.push_token(*leaf, token, &[]),
        other => values.push_null(other),
    };
    match node {
        Node::List { valid, ends, item, .. } => {
            parts.into_iter().for_each(|token| leaf(item, values, token));
            values.push_end((*valid, *ends), item);
        }
        Node::Struct { valid, children } => {
            values.push_flag(*valid, true);
            // Missing parts are NULL; with a NOT NULL child that is an error of its column.
            let parts = parts.into_iter().chain(std::iter::repeat(Token::NULL));
            children.iter().zip(parts).for_each(|(child, token)| leaf(&child.node, values, token));
        }
        Node::Leaf(_) => leaf(node, values, token),
    }
}
