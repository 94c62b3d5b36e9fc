//! Records cut into tokens, column by column: the middle of every text decoder.
//!
//! A scanner (JSON, CSV) walks over the bytes once and pushes a [`Token`], which says only where a value stands, for each
//! projected value. Then whole columns of tokens become arrays in tight loops, one per type, and the rows that had a value
//! of the wrong type are taken out again. A record that breaks in the middle is undone with [`Node::truncate`].
//!
//! ```text
//!   {"id":7,"bid":{"price":12}}    id:        [ 6..7 ]          -> Int64Array [7]
//!                                  bid:       valid [true]      -> StructArray
//!                                  bid.price: [ 23..25 ]        -> Int64Array [12]
//! ```

mod convert;
mod finish;
mod text;
mod token;

use arrow::datatypes::{DataType, FieldRef, Fields};
use sloth_types::{Error, Result};

pub(super) use finish::{Rows, finish_rows};
pub(super) use token::{Kind, LENGTH_MAX, Text, Token};

/// How values are written in this format.
#[derive(Clone, Debug)]
pub(super) struct ValueStyle {
    /// A value that cannot be parsed is NULL instead of an error (Flink's `ignore-parse-errors`).
    pub(super) errors_are_null: bool,
    /// An empty value of a type other than text is NULL (CSV).
    pub(super) empty_is_null: bool,
    /// Zone in which a `TIMESTAMP_LTZ` without zone is read.
    pub(super) zone: chrono_tz::Tz,
}

/// Tokens of one column, shaped like its type.
#[derive(Debug)]
pub(super) enum Node {
    /// A scalar.
    Leaf(Vec<Token>),
    /// A ROW: one entry a row in `valid`.
    Struct {
        /// False where the ROW is NULL.
        valid: Vec<bool>,
        /// Children by name; they have values only where the ROW is not NULL.
        children: Vec<Child>,
    },
    /// An ARRAY, or a MAP (`item` is then a struct of key and value).
    List {
        /// False where the ARRAY is NULL.
        valid: Vec<bool>,
        /// Where each ARRAY ends in `item`.
        ends: Vec<u32>,
        /// The elements.
        item: Box<Node>,
        /// True for a MAP.
        map: bool,
    },
}

/// A named column.
#[derive(Debug)]
pub(super) struct Child {
    /// Name and type.
    pub(super) field: FieldRef,
    /// The tokens.
    pub(super) node: Node,
}

impl Child {
    /// Empty columns for `fields`.
    pub(super) fn of(fields: &Fields) -> Result<Vec<Child>> {
        fields.iter().map(|field| Ok(Child { field: field.clone(), node: Node::of(field.data_type())? })).collect()
    }
}

impl Node {
    /// An empty node of this type.
    ///
    /// # Errors
    /// When text formats do not have the type.
    pub(super) fn of(data_type: &DataType) -> Result<Node> {
        Ok(match data_type {
            DataType::Struct(fields) => Node::Struct { valid: Vec::new(), children: Child::of(fields)? },
            DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => Node::List {
                valid: Vec::new(),
                ends: Vec::new(),
                item: Box::new(Node::of(item.data_type())?),
                map: matches!(data_type, DataType::Map(..)),
            },
            other if convert::is_scalar(other) => Node::Leaf(Vec::new()),
            other => return Err(Error::unsupported(format!("text formats do not have the type {other}"))),
        })
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Leaf(tokens) => tokens.len(),
            Node::Struct { valid, .. } | Node::List { valid, .. } => valid.len(),
        }
    }

    /// Keeps the first `len` values.
    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Node::Leaf(tokens) => tokens.truncate(len),
            Node::Struct { valid, children } => {
                valid.truncate(len);
                // A ROW under construction has children but no entry yet.
                let present = valid.iter().filter(|valid| **valid).count();
                children.iter_mut().for_each(|child| child.node.truncate(present));
            }
            Node::List { valid, ends, item, .. } => {
                valid.truncate(len);
                ends.truncate(len);
                // An ARRAY under construction has elements but no end yet.
                item.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// Adds a NULL.
    pub(super) fn push_null(&mut self) {
        match self {
            Node::Leaf(tokens) => tokens.push(Token::NULL),
            Node::Struct { valid, .. } => valid.push(false),
            Node::List { valid, ends, .. } => {
                valid.push(false);
                ends.push(ends.last().copied().unwrap_or(0));
            }
        }
    }
}
