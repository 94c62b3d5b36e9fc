//! The rows of a side of a join: its own, or those that it reads with other joins.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

use arrow::array::ArrayRef;
use sloth_types::Result;

use crate::state::arrangement::Arrangement;

/// Rows by the side's key.
pub(in crate::operators) struct Held {
    rows: Rc<RefCell<Arrangement>>,
    /// They are another operator's: they are as before the epoch, and are not changed here.
    elsewhere: bool,
    /// Where the side's columns are among theirs; `None` when they are the same.
    columns: Option<Vec<usize>>,
}

impl Held {
    /// The side's own rows.
    pub(super) fn own(rows: Arrangement) -> Self {
        Held { rows: Rc::new(RefCell::new(rows)), elsewhere: false, columns: None }
    }

    /// Another operator's rows.
    pub(super) fn elsewhere(rows: Rc<RefCell<Arrangement>>, columns: Option<Vec<usize>>) -> Self {
        Held { rows, elsewhere: true, columns }
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// All rows are as the side has them: one that has come netted is netted.
    pub(super) fn is_whole(&self) -> bool {
        self.columns.is_none()
    }

    pub(in crate::operators) fn read(&self) -> Ref<'_, Arrangement> {
        self.rows.borrow()
    }

    pub(super) fn write(&self) -> RefMut<'_, Arrangement> {
        self.rows.borrow_mut()
    }

    /// A column of the side.
    pub(super) fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        let column = self.columns.as_ref().and_then(|c| c.get(column)).copied().unwrap_or(column);
        self.read().gather(column, slots)
    }

    /// The `width` columns of the side among those of all rows.
    pub(super) fn own_columns(&self, all: &[ArrayRef], width: usize) -> Vec<ArrayRef> {
        match &self.columns {
            Some(columns) => columns.iter().filter_map(|column| all.get(*column).cloned()).collect(),
            None => all.iter().take(width).cloned().collect(),
        }
    }

    /// Rows and bytes of the side's own.
    pub(super) fn size(&self) -> (usize, usize) {
        let rows = self.read();
        if self.elsewhere { (0, 0) } else { (rows.len(), rows.bytes()) }
    }
}
