//! Operators of a worker that read what another one keeps: each waits until that is as it was before its epoch.

use std::cell::RefCell;
use std::rc::Rc;

use sloth_types::Result;
use timely::scheduling::Activator;

use crate::state::shared::SharedRows;

/// Rows that several operators read, and how these are called when the rows have moved on.
#[derive(Clone)]
pub(crate) struct SharedState {
    pub(crate) rows: Rc<RefCell<SharedRows>>,
    bells: Rc<RefCell<Vec<Activator>>>,
}

/// One reader's way to them.
pub(crate) struct Gate {
    shared: SharedState,
    reader: usize,
}

impl SharedState {
    pub(crate) fn new(rows: SharedRows) -> Self {
        SharedState { rows: Rc::new(RefCell::new(rows)), bells: Rc::default() }
    }

    /// One reader more.
    pub(crate) fn gate(&self) -> Gate {
        Gate { shared: self.clone(), reader: self.rows.borrow_mut().add_reader() }
    }
}

impl Gate {
    /// Who is called when the gate may have opened.
    pub(super) fn call(&self, reader: Activator) {
        self.shared.bells.borrow_mut().push(reader);
    }

    /// True when the rows are as they were before the epoch.
    pub(super) fn is_open(&self, epoch: u64) -> bool {
        self.shared.rows.borrow().is_before(epoch)
    }

    /// The reader needs the rows of before the epoch no more.
    pub(super) fn leave(&self, epoch: u64) -> Result<()> {
        if self.shared.rows.borrow_mut().done(self.reader, epoch)? {
            self.shared.bells.borrow().iter().for_each(Activator::activate);
        }
        Ok(())
    }
}
