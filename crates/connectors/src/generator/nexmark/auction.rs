//! Auctions.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use sloth_types::Result;

use super::super::arrays;
use super::super::draw::scale;
use super::config::{FIRST_ID, Kind};
use super::frame::Frame;
use super::text::{free_text, free_text_length};

/// A field of an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    ItemName,
    Description,
    InitialBid,
    Reserve,
    DateTime,
    Expires,
    Seller,
    Category,
    Extra,
}

/// The fields by name.
pub(super) const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Id),
    ("itemName", Column::ItemName),
    ("description", Column::Description),
    ("initialBid", Column::InitialBid),
    ("reserve", Column::Reserve),
    ("dateTime", Column::DateTime),
    ("expires", Column::Expires),
    ("seller", Column::Seller),
    ("category", Column::Category),
    ("extra", Column::Extra),
];

const NAME_MAX: u64 = 20;
const DESCRIPTION_MAX: u64 = 100;
const CATEGORIES: u64 = 5;
const FIRST_CATEGORY: u64 = 10;
/// Bytes of an auction's fixed fields, as the original counts.
const FIXED_BYTES: u64 = 48;

/// The values of one field.
pub(super) fn values(column: Column, frame: &Frame<'_>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    const KIND: Kind = Kind::Auction;
    let setup = frame.setup;
    let draws = &setup.draws;
    let integers = |values| arrays::integers(values, nulls.clone(), to);
    match column {
        Column::Id => {
            integers(frame.numbers(KIND, draws.seller, |_, round, place| FIRST_ID + setup.last_auction(round, place)))
        }
        Column::ItemName => frame.texts((KIND, 2), nulls, to, |event, bytes| {
            let length = free_text_length(draws.item_name.at(event), NAME_MAX);
            free_text(&mut draws.item_name.rng(event), length, b' ', bytes);
        }),
        Column::Description => frame.texts((KIND, 6), nulls, to, |event, bytes| {
            let length = free_text_length(draws.description.at(event), DESCRIPTION_MAX);
            free_text(&mut draws.description.rng(event), length, b' ', bytes);
        }),
        Column::InitialBid => integers(frame.numbers(KIND, draws.initial_bid, |draw, _, _| frame.tables.price(draw))),
        Column::Reserve => {
            let first = frame.numbers(KIND, draws.initial_bid, |draw, _, _| frame.tables.price(draw));
            let more = frame.numbers(KIND, draws.reserve, |draw, _, _| frame.tables.price(draw));
            integers(first.iter().zip(more).map(|(a, b)| a + b).collect())
        }
        Column::DateTime => frame.times(nulls, to),
        Column::Expires => arrays::timestamps(expires(frame), nulls, to),
        Column::Seller => {
            integers(frame.numbers(KIND, draws.seller, |draw, round, place| setup.seller(draw, round, place)))
        }
        Column::Category => {
            integers(frame.numbers(KIND, draws.category, |draw, _, _| FIRST_CATEGORY + scale(draw, CATEGORIES)))
        }
        Column::Extra => frame.extra(KIND, nulls, to, |event| {
            let name = free_text_length(draws.item_name.at(event), NAME_MAX);
            FIXED_BYTES + name + free_text_length(draws.description.at(event), DESCRIPTION_MAX)
        }),
    }
}

/// An auction runs on average as long as it takes until as many have begun as may run at a time.
fn expires(frame: &Frame<'_>) -> Vec<i64> {
    let setup = frame.setup;
    let rows = frame.kinds.iter().zip(&frame.events).zip(&frame.times_ms);
    rows.map(|((kind, event), time_ms)| {
        if *kind != Kind::Auction {
            return 0;
        }
        let ahead_us = setup.schedule.time_us(event + setup.horizon()) - setup.schedule.time_us(*event);
        let bound = (ahead_us / 1000 * 2).max(1) as u64;
        time_ms + 1 + setup.draws.expires.below(*event, bound) as i64
    })
    .collect()
}
