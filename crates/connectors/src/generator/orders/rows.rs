//! The columns of `orders`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, SchemaRef};
use sloth_types::{Error, Result};

use super::super::arrays::{self, TextTable, Texts};
use super::super::draw::{Stream, Weighted, unit};
use super::super::lane::{Events, Maker};
use super::Setup;
use super::catalog::Item;
use super::geo::Places;
use super::mix::{Kind, Mix};

const FIRST_ORDER_ID: i64 = 880_000_000_000;
const PAY_METHODS: [&str; 5] = ["扫码支付", "银行卡", "信用卡", "分期付款", "余额支付"];
const PAY_WEIGHTS: [f64; 5] = [0.58, 0.16, 0.12, 0.09, 0.05];
/// Late rows come so many milliseconds after their time.
const LATE_MS_MIN: i64 = 60_000;
const LATE_MS_MAX: i64 = 300_000;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    EventType,
    OrderId,
    BuyerId,
    Merchant,
    Product,
    Category,
    Province,
    City,
    Amount,
    Quantity,
    PayMethod,
    Status,
    EventTime,
    CreatedAt,
}

const COLUMNS: &[(&str, Column)] = &[
    ("event_type", Column::EventType),
    ("order_id", Column::OrderId),
    ("buyer_id", Column::BuyerId),
    ("merchant", Column::Merchant),
    ("product", Column::Product),
    ("category", Column::Category),
    ("province", Column::Province),
    ("city", Column::City),
    ("amount", Column::Amount),
    ("quantity", Column::Quantity),
    ("pay_method", Column::PayMethod),
    ("status", Column::Status),
    ("event_time", Column::EventTime),
    ("created_at", Column::CreatedAt),
];

impl Column {
    /// All names.
    pub(super) fn names() -> Vec<&'static str> {
        COLUMNS.iter().map(|(name, _)| *name).collect()
    }

    fn needs_buyer(self) -> bool {
        matches!(self, Column::BuyerId | Column::Province | Column::City)
    }

    fn needs_item(self) -> bool {
        matches!(self, Column::Merchant | Column::Product | Column::Category | Column::Amount)
    }
}

/// Buyers: who is there when, and where they live.
pub(super) struct People {
    population: u64,
    buyers: Stream,
    places: Places,
    pay_methods: TextTable,
    pay_weights: Weighted,
    pay: Stream,
}

impl People {
    /// So many buyers altogether.
    pub(super) fn new(seed: u64, population: u64) -> People {
        People {
            population: population.max(1),
            buyers: Stream::new(seed, "buyer"),
            places: Places::new(seed),
            pay_methods: TextTable::new(PAY_METHODS),
            pay_weights: Weighted::new(&PAY_WEIGHTS),
            pay: Stream::new(seed, "pay method"),
        }
    }

    /// The buyer of an order or a visit (`who`), made at about event `n`. A tenth of all are there at a time, some
    /// much more active than others, and they change slowly.
    fn buyer(&self, who: u64, n: u64) -> u64 {
        let there = (self.population / 10).max(1);
        let share = unit(self.buyers.at(who));
        let index = (n / 200 + (share * share * there as f64) as u64) % self.population;
        // A bijection that makes numbers look as if they were handed out long ago.
        10_000_000 + index * 48_271 % 89_999_983
    }
}

/// Makes the rows.
pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    setup: Arc<Setup>,
}

/// What the columns of a batch share.
struct Frame {
    kinds: Vec<Kind>,
    /// The order's number; the event's, for a visit.
    subjects: Vec<u64>,
    buyers: Vec<u64>,
    items: Vec<Item>,
}

impl Rows {
    /// For the columns of `schema`.
    pub(super) fn new(schema: &SchemaRef, setup: &Arc<Setup>) -> Result<Rows> {
        let of = |name: &String| {
            let known = COLUMNS.iter().find(|(known, _)| known == name);
            known.map(|(_, column)| *column).ok_or_else(|| Error::invalid(format!("column '{name}' is not known")))
        };
        let columns = schema.fields().iter().map(|f| of(f.name())).collect::<Result<_>>()?;
        Ok(Rows { schema: Arc::clone(schema), columns, setup: Arc::clone(setup) })
    }

    fn frame(&self, events: &Events) -> Frame {
        let setup = &self.setup;
        let (kinds, subjects): (Vec<Kind>, Vec<u64>) = events.numbers().map(|n| setup.mix.event(n)).unzip();
        // Orders and visits draw from ranges of numbers that do not meet, or a visit would resemble an order.
        let salted = || {
            kinds.iter().zip(&subjects).map(|(kind, subject)| match kind {
                Kind::Visit => (subject | 1 << 63, *subject),
                _ => (*subject, Mix::event_of_order(*subject)),
            })
        };
        let buyers = if self.columns.iter().any(|c| c.needs_buyer()) {
            salted().map(|(who, n)| setup.people.buyer(who, n)).collect()
        } else {
            Vec::new()
        };
        let items = if self.columns.iter().any(|c| c.needs_item()) {
            salted().map(|(who, _)| setup.catalog.item(who)).collect()
        } else {
            Vec::new()
        };
        Frame { kinds, subjects, buyers, items }
    }

    fn column(&self, column: Column, to: &DataType, frame: &Frame, events: &Events) -> Result<ArrayRef> {
        let (people, catalog) = (&self.setup.people, &self.setup.catalog);
        match column {
            Column::EventType => texts(frame.kinds.iter().map(|k| k.name().as_bytes()), 7, None, to),
            Column::OrderId => {
                let ids = frame.subjects.iter().map(|order| FIRST_ORDER_ID + *order as i64).collect();
                arrays::integers(ids, frame.nulls(|kind| kind != Kind::Visit), to)
            }
            Column::BuyerId => arrays::integers(frame.buyers.iter().map(|b| *b as i64).collect(), None, to),
            Column::Merchant => texts(frame.items.iter().map(|i| catalog.merchant(*i)), 18, None, to),
            Column::Product => texts(frame.items.iter().map(|i| catalog.product(*i)), 20, None, to),
            Column::Category => texts(frame.items.iter().map(|i| catalog.category(*i)), 8, None, to),
            Column::Province => texts(frame.buyers.iter().map(|b| people.places.province(*b)), 8, None, to),
            Column::City => texts(frame.buyers.iter().map(|b| people.places.city(*b)), 8, None, to),
            Column::Amount => self.amounts(frame, to),
            Column::Quantity => {
                let of = |order: &u64| catalog.quantity(*order) as i32;
                let nulls = frame.nulls(|kind| kind != Kind::Visit);
                arrays::small_integers(frame.subjects.iter().map(of).collect(), nulls, to)
            }
            Column::PayMethod => {
                let method = |(kind, order): (&Kind, &u64)| match kind {
                    Kind::Payment | Kind::Refund => {
                        people.pay_methods.get(people.pay_weights.pick(people.pay.at(*order)))
                    }
                    _ => b"",
                };
                texts(frame.kinds.iter().zip(&frame.subjects).map(method), 6, frame.paid(), to)
            }
            Column::Status => {
                let status = |(kind, order): (&Kind, &u64)| match kind {
                    Kind::Payment if !self.setup.mix.succeeds(*order) => b"failed".as_slice(),
                    Kind::Payment | Kind::Refund => b"success",
                    _ => b"",
                };
                texts(frame.kinds.iter().zip(&frame.subjects).map(status), 4, frame.paid(), to)
            }
            Column::EventTime => arrays::timestamps(self.times(frame, events), None, to),
            Column::CreatedAt => arrays::timestamps(vec![events.now_ms; events.rows], None, to),
        }
    }

    fn amounts(&self, frame: &Frame, to: &DataType) -> Result<ArrayRef> {
        let catalog = &self.setup.catalog;
        let cents = (frame.items.iter().zip(&frame.subjects))
            .map(|(item, order)| i128::from(catalog.price_cents(*item, *order)) * i128::from(catalog.quantity(*order)));
        let cents: Vec<i128> = cents.collect();
        let nulls = frame.nulls(|kind| kind != Kind::Visit);
        match to {
            DataType::Decimal128(_, 2) => {
                Ok(Arc::new(Decimal128Array::new(cents.into(), nulls).with_data_type(to.clone())))
            }
            _ if to.is_integer() => {
                Err(Error::invalid(format!("column 'amount' is {to}")).hint("Declare it as DECIMAL(12, 2)."))
            }
            _ => {
                let exact = Decimal128Array::new(cents.into(), nulls).with_precision_and_scale(12, 2)?;
                arrays::fit(Arc::new(exact), to)
            }
        }
    }

    /// Event times: the schedule's, less what the event spent on its way.
    fn times(&self, frame: &Frame, events: &Events) -> Vec<i64> {
        let setup = &self.setup;
        let due = setup.schedule.times_us(events.first, events.stride, events.rows);
        let rows = due.iter().zip(&frame.kinds).zip(events.numbers());
        rows.map(|((us, kind), n)| {
            let time_ms = events.start_ms + (*us as f64 * setup.speed / 1000.0) as i64;
            let early = if setup.disorder_ms == 0 { 0 } else { setup.disorder.below(n, setup.disorder_ms) as i64 };
            let may_be_late = matches!(kind, Kind::Visit | Kind::Order);
            let late = if may_be_late && setup.lateness.unit(n) < setup.late_ratio {
                setup.lateness.rng(n).between(LATE_MS_MIN, LATE_MS_MAX)
            } else {
                0
            };
            let time_ms = time_ms - early;
            // Nothing happened before the stream began, so nothing of that time can be late.
            if time_ms - late >= events.start_ms { time_ms - late } else { time_ms }
        })
        .collect()
    }
}

impl Maker for Rows {
    fn make(&mut self, events: &Events) -> Result<RecordBatch> {
        let frame = self.frame(events);
        let columns = (self.columns.iter())
            .zip(self.schema.fields())
            .map(|(column, field)| self.column(*column, field.data_type(), &frame, events))
            .collect::<Result<_>>()?;
        arrays::batch(&self.schema, columns, events.rows)
    }
}

impl Frame {
    fn nulls(&self, valid: impl Fn(Kind) -> bool) -> Option<NullBuffer> {
        Some(NullBuffer::new(BooleanBuffer::collect_bool(self.kinds.len(), |i| valid(self.kinds[i]))))
    }

    /// NULL but for payments and refunds.
    fn paid(&self) -> Option<NullBuffer> {
        self.nulls(|kind| matches!(kind, Kind::Payment | Kind::Refund))
    }
}

fn texts<'a>(
    values: impl ExactSizeIterator<Item = &'a [u8]>,
    length: usize,
    nulls: Option<NullBuffer>,
    to: &DataType,
) -> Result<ArrayRef> {
    let mut texts = Texts::with_capacity(values.len(), length);
    values.for_each(|value| texts.push(value));
    texts.finish(nulls, to)
}
