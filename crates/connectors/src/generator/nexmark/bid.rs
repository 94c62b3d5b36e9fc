//! Bids.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use sloth_types::Result;

use super::super::arrays;
use super::config::Kind;
use super::frame::Frame;

/// A field of a bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Auction,
    Bidder,
    Price,
    Channel,
    Url,
    DateTime,
    Extra,
}

/// The fields by name.
pub(super) const COLUMNS: &[(&str, Column)] = &[
    ("auction", Column::Auction),
    ("bidder", Column::Bidder),
    ("price", Column::Price),
    ("channel", Column::Channel),
    ("url", Column::Url),
    ("dateTime", Column::DateTime),
    ("extra", Column::Extra),
];

/// Bytes of a bid's fixed fields, as the original counts.
const FIXED_BYTES: u64 = 32;

/// The values of one field.
pub(super) fn values(column: Column, frame: &Frame<'_>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    let setup = frame.setup;
    let draws = &setup.draws;
    let integers = |values| arrays::integers(values, nulls.clone(), to);
    match column {
        Column::Auction => integers(
            frame.numbers(Kind::Bid, draws.bid_auction, |draw, round, place| setup.auction_of_bid(draw, round, place)),
        ),
        Column::Bidder => {
            integers(frame.numbers(Kind::Bid, draws.bid_bidder, |draw, round, place| setup.bidder(draw, round, place)))
        }
        Column::Price => integers(frame.numbers(Kind::Bid, draws.bid_price, |draw, _, _| frame.tables.price(draw))),
        Column::Channel => frame.texts((Kind::Bid, 12), nulls, to, |event, bytes| {
            bytes.extend_from_slice(frame.tables.channel(draws.bid_channel.at(event)));
        }),
        Column::Url => frame.texts((Kind::Bid, 72), nulls, to, |event, bytes| {
            bytes.extend_from_slice(frame.tables.url(draws.bid_channel.at(event)));
        }),
        Column::DateTime => frame.times(nulls, to),
        Column::Extra => frame.extra(Kind::Bid, nulls, to, |_| FIXED_BYTES),
    }
}
