//! Records cut into tokens, column by column: the middle of every text decoder.
//!
//! A scanner (JSON, CSV) walks over the bytes once and pushes a [`Token`], which says only where a value stands, for each
//! projected value; of texts and whole numbers it may push the value itself. Then whole columns become arrays in tight loops,
//! one per type, and the rows that had a value of the wrong type are taken out again. A record that breaks in the middle is
//! undone with [`Values::truncate`].
//!
//! ```text
//!   {"id":7,"bid":{"price":1.5}}    id:        [ 7 ]             -> Int64Array [7]
//!                                   bid:       valid [true]      -> StructArray
//!                                   bid.price: [ 23..26 ]        -> Decimal128Array [1.5]
//! ```

mod convert;
mod direct;
mod finish;
mod leaf;
mod text;
mod token;

use arrow::datatypes::{DataType, FieldRef, Fields};
use sloth_types::{Error, Result};

pub(super) use finish::{Found, finish_rows};
pub(super) use leaf::{Leaf, Texts};
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

/// A column, shaped like its type: it says where in [`Values`] the values are.
#[derive(Debug)]
pub(super) enum Node {
    /// A scalar: one of [`Values::leaves`].
    Leaf(usize),
    /// A ROW.
    Struct {
        /// One of [`Values::flags`]: false where the ROW is NULL.
        valid: usize,
        /// Children by name; they have values only where the ROW is not NULL.
        children: Vec<Child>,
    },
    /// An ARRAY, or a MAP (`item` is then a struct of key and value).
    List {
        /// One of [`Values::flags`]: false where the ARRAY is NULL.
        valid: usize,
        /// One of [`Values::ends`]: where each ARRAY ends in `item`.
        ends: usize,
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
    /// Where its values are.
    pub(super) node: Node,
}

/// The values of all columns, side by side, so that a scanner that knows what comes next reaches each at once.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// Of scalars.
    pub(super) leaves: Vec<Leaf>,
    /// Whether ROWs and ARRAYs are there.
    pub(super) flags: Vec<Vec<bool>>,
    /// Where ARRAYs end.
    pub(super) ends: Vec<Vec<u32>>,
}

impl Values {
    /// Adds empty columns for `fields`. With `direct`, texts and whole numbers are taken as values, not as tokens.
    ///
    /// # Errors
    /// When text formats do not have a type.
    pub(super) fn columns(&mut self, fields: &Fields, direct: bool) -> Result<Vec<Child>> {
        let mut child =
            |field: &FieldRef| Ok(Child { field: field.clone(), node: self.node(field.data_type(), direct)? });
        fields.iter().map(&mut child).collect()
    }

    /// Adds an empty column.
    ///
    /// # Errors
    /// When text formats do not have the type.
    pub(super) fn node(&mut self, data_type: &DataType, direct: bool) -> Result<Node> {
        Ok(match data_type {
            DataType::Struct(fields) => {
                Node::Struct { valid: add(&mut self.flags, Vec::new()), children: self.columns(fields, direct)? }
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => Node::List {
                valid: add(&mut self.flags, Vec::new()),
                ends: add(&mut self.ends, Vec::new()),
                item: Box::new(self.node(item.data_type(), direct)?),
                map: matches!(data_type, DataType::Map(..)),
            },
            other if convert::is_scalar(other) => Node::Leaf(add(&mut self.leaves, Leaf::new(other, direct))),
            other => return Err(Error::unsupported(format!("text formats do not have the type {other}"))),
        })
    }

    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        self.leaves.iter_mut().for_each(Leaf::clear);
        self.flags.iter_mut().for_each(Vec::clear);
        self.ends.iter_mut().for_each(Vec::clear);
    }

    /// Number of values of a column.
    pub(super) fn len(&self, node: &Node) -> usize {
        match node {
            Node::Leaf(leaf) => self.leaves.get(*leaf).map_or(0, Leaf::len),
            Node::Struct { valid, .. } | Node::List { valid, .. } => self.flags.get(*valid).map_or(0, Vec::len),
        }
    }

    /// Keeps the first `len` values of a column.
    pub(super) fn truncate(&mut self, node: &Node, len: usize) {
        match node {
            Node::Leaf(leaf) => {
                if let Some(leaf) = self.leaves.get_mut(*leaf) {
                    leaf.truncate(len);
                }
            }
            Node::Struct { valid, children } => {
                let present = self.flags.get_mut(*valid).map_or(0, |valid| {
                    valid.truncate(len);
                    // A ROW under construction has children but no entry yet.
                    valid.iter().filter(|valid| **valid).count()
                });
                children.iter().for_each(|child| self.truncate(&child.node, present));
            }
            Node::List { valid, ends, item, .. } => {
                if let Some(valid) = self.flags.get_mut(*valid) {
                    valid.truncate(len);
                }
                let end = self.ends.get_mut(*ends).map_or(0, |ends| {
                    ends.truncate(len);
                    // An ARRAY under construction has elements but no end yet.
                    ends.last().map_or(0, |end| *end as usize)
                });
                self.truncate(item, end);
            }
        }
    }

    /// Adds a NULL to a column.
    pub(super) fn push_null(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => self.push_missing(*leaf),
            Node::Struct { valid, .. } => self.push_flag(*valid, false),
            Node::List { valid, ends, .. } => self.push_no_list(*valid, *ends),
        }
    }

    /// Adds a NULL to a leaf.
    pub(super) fn push_missing(&mut self, leaf: usize) {
        self.push_token(leaf, Token::NULL, &[]);
    }

    /// Adds a NULL to a column of ARRAYs.
    pub(super) fn push_no_list(&mut self, valid: usize, ends: usize) {
        self.push_flag(valid, false);
        if let Some(ends) = self.ends.get_mut(ends) {
            ends.push(ends.last().copied().unwrap_or(0));
        }
    }

    /// Adds a value that stands in `text`, or NULL, to a leaf.
    #[inline]
    pub(super) fn push_token(&mut self, leaf: usize, token: Token, text: &[u8]) {
        if let Some(leaf) = self.leaves.get_mut(leaf) {
            leaf.push(token, text);
        }
    }

    /// Says of the next ROW or ARRAY whether it is there.
    #[inline]
    pub(super) fn push_flag(&mut self, valid: usize, there: bool) {
        if let Some(flags) = self.flags.get_mut(valid) {
            flags.push(there);
        }
    }

    /// Ends an ARRAY whose elements have been added to `item`.
    pub(super) fn push_end(&mut self, (valid, ends): (usize, usize), item: &Node) {
        let end = self.len(item) as u32;
        self.push_flag(valid, true);
        if let Some(ends) = self.ends.get_mut(ends) {
            ends.push(end);
        }
    }
}

/// Adds a column; its place.
fn add<T>(columns: &mut Vec<T>, column: T) -> usize {
    columns.push(column);
    columns.len() - 1
}
