//! What all columns of a batch of Nexmark events share: which event each row is, its kind and its time.

use arrow::array::ArrayRef;
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;
use sloth_types::Result;

use super::super::arrays::{self, Texts};
use super::super::draw::Stream;
use super::super::lane::Events;
use super::config::{Kind, Setup};
use super::text::Tables;

/// The rows of a batch.
pub(super) struct Frame<'a> {
    pub(super) setup: &'a Setup,
    pub(super) tables: &'a Tables,
    /// The event that a row shows: its number, unless events are out of order.
    pub(super) events: Vec<u64>,
    /// Number of `total` events before it, and its place in the next.
    rounds: Vec<u64>,
    places: Vec<u32>,
    pub(super) kinds: Vec<Kind>,
    /// Event times, milliseconds; empty when no column needs them.
    pub(super) times_ms: Vec<i64>,
}

impl<'a> Frame<'a> {
    /// The frame of `events`.
    pub(super) fn new(setup: &'a Setup, tables: &'a Tables, events: &Events, needs_time: bool) -> Self {
        let numbers: Vec<u64> = events.numbers().map(|n| shuffled(setup, n)).collect();
        let rounds: Vec<u64> = numbers.iter().map(|n| n / setup.total).collect();
        let places: Vec<u32> = numbers.iter().zip(&rounds).map(|(n, r)| (n - r * setup.total) as u32).collect();
        let (persons, both) = (setup.persons, setup.persons + setup.auctions);
        let kind = |place: &u32| match u64::from(*place) {
            place if place < persons => Kind::Person,
            place if place < both => Kind::Auction,
            _ => Kind::Bid,
        };
        let kinds = places.iter().map(kind).collect();
        let times_ms = match (needs_time, setup.group) {
            (false, _) => Vec::new(),
            (true, 1) => {
                let due = setup.schedule.times_us(events.first, events.stride, events.rows);
                due.into_iter().map(|us| events.start_ms + us / 1000).collect()
            }
            (true, _) => numbers.iter().map(|n| events.start_ms + setup.schedule.time_us(*n) / 1000).collect(),
        };
        Frame { setup, tables, events: numbers, rounds, places, kinds, times_ms }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// NULL where the event is of another kind.
    pub(super) fn nulls(&self, kind: Kind) -> NullBuffer {
        NullBuffer::new(BooleanBuffer::collect_bool(self.len(), |i| self.kinds[i] == kind))
    }

    /// A number for each event of `kind`, from its draw, round and place.
    #[inline]
    pub(super) fn numbers(&self, kind: Kind, draws: Stream, of: impl Fn(u64, u64, u64) -> u64) -> Vec<i64> {
        let rows = self.kinds.iter().zip(&self.events).zip(self.rounds.iter().zip(&self.places));
        rows.map(
            |((k, event), (round, place))| {
                if *k == kind { of(draws.at(*event), *round, u64::from(*place)) as i64 } else { 0 }
            },
        )
        .collect()
    }

    /// A text for each event of `kind`, from its event number.
    pub(super) fn texts(
        &self,
        (kind, length): (Kind, usize),
        nulls: Option<NullBuffer>,
        to: &DataType,
        append: impl Fn(u64, &mut Vec<u8>),
    ) -> Result<ArrayRef> {
        let mut texts = Texts::with_capacity(self.len(), length);
        for (k, event) in self.kinds.iter().zip(&self.events) {
            if *k == kind {
                append(*event, texts.bytes());
            }
            texts.end();
        }
        texts.finish(nulls, to)
    }

    /// The times of the events.
    pub(super) fn times(&self, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
        arrays::timestamps(self.times_ms.clone(), nulls, to)
    }

    /// Column `extra`: filler that brings an event of `size` bytes to the average size of its kind.
    pub(super) fn extra(
        &self,
        kind: Kind,
        nulls: Option<NullBuffer>,
        to: &DataType,
        size: impl Fn(u64) -> u64,
    ) -> Result<ArrayRef> {
        let average = self.setup.sizes[kind as usize];
        let draws = self.setup.draws.extra;
        let length = if kind == Kind::Bid { average } else { average / 10 };
        self.texts((kind, length as usize), nulls, to, |event, bytes| {
            self.tables.filler(draws.at(event), average.saturating_sub(size(event)), bytes);
        })
    }
}

/// The event that stands at position `n` when events are shuffled within groups. The last group may be cut short: it
/// stays in order, so that a bounded stream has the same events in any order.
#[inline]
fn shuffled(setup: &Setup, n: u64) -> u64 {
    if setup.group == 1 {
        return n;
    }
    let first = n / setup.group * setup.group;
    if setup.events.is_some_and(|events| first + setup.group > events) {
        return n;
    }
    first + (n - first) * setup.group_step % setup.group
}
