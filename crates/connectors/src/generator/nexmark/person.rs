//! Persons.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use sloth_types::Result;

use super::super::arrays;
use super::super::draw::{Stream, scale};
use super::config::Kind;
use super::frame::Frame;
use super::text::{free_text, free_text_length};

/// A field of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Name,
    EmailAddress,
    CreditCard,
    City,
    State,
    DateTime,
    Extra,
}

/// The fields by name.
pub(super) const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Id),
    ("name", Column::Name),
    ("emailAddress", Column::EmailAddress),
    ("creditCard", Column::CreditCard),
    ("city", Column::City),
    ("state", Column::State),
    ("dateTime", Column::DateTime),
    ("extra", Column::Extra),
];

const FIRST_NAMES: [&str; 11] =
    ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: [&str; 9] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];
const CITIES: [&str; 10] =
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const MAILBOX_MAX: u64 = 7;
const HOST_MAX: u64 = 5;
/// `1234 5678 9012 3456`
const CARD_BYTES: u64 = 19;

/// The values of one field.
pub(super) fn values(column: Column, frame: &Frame<'_>, nulls: Option<NullBuffer>, to: &DataType) -> Result<ArrayRef> {
    const KIND: Kind = Kind::Person;
    let setup = frame.setup;
    let draws = &setup.draws;
    match column {
        Column::Id => {
            let ids = frame.numbers(KIND, draws.name, |_, round, place| setup.person_id(round, place));
            arrays::integers(ids, nulls, to)
        }
        Column::Name => frame.texts((KIND, 1), nulls, to, |event, bytes| {
            let (first, last) = name(draws.name, event);
            bytes.extend_from_slice(first.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(last.as_bytes());
        }),
        Column::EmailAddress => frame.texts((KIND, 1), nulls, to, |event, bytes| {
            let (mailbox, host) = email_lengths(draws.email, event);
            let mut rng = draws.email.rng(event);
            free_text(&mut rng, mailbox, b'.', bytes);
            bytes.push(b'@');
            free_text(&mut rng, host, b'-', bytes);
            bytes.extend_from_slice(b".com");
        }),
        Column::CreditCard => frame.texts((KIND, 1), nulls, to, |event, bytes| card(draws.card.at(event), bytes)),
        Column::City => frame.texts((KIND, 1), nulls, to, |event, bytes| {
            bytes.extend_from_slice(choose(&CITIES, draws.city.at(event)).as_bytes());
        }),
        Column::State => frame.texts((KIND, 1), nulls, to, |event, bytes| {
            bytes.extend_from_slice(choose(&STATES, draws.state.at(event)).as_bytes());
        }),
        Column::DateTime => frame.times(nulls, to),
        Column::Extra => frame.extra(KIND, nulls, to, |event| {
            let (first, last) = name(draws.name, event);
            let (mailbox, host) = email_lengths(draws.email, event);
            let city = choose(&CITIES, draws.city.at(event)).len();
            let state = choose(&STATES, draws.state.at(event)).len();
            let texts = first.len() + 1 + last.len() + city + state;
            8 + texts as u64 + mailbox + host + 5 + CARD_BYTES
        }),
    }
}

fn choose(among: &'static [&'static str], draw: u64) -> &'static str {
    among[scale(draw, among.len() as u64) as usize]
}

fn name(draws: Stream, event: u64) -> (&'static str, &'static str) {
    let mut rng = draws.rng(event);
    (choose(&FIRST_NAMES, rng.next_u64()), choose(&LAST_NAMES, rng.next_u64()))
}

fn email_lengths(draws: Stream, event: u64) -> (u64, u64) {
    let draw = draws.at(event);
    (free_text_length(draw, MAILBOX_MAX), free_text_length(draw << 32, HOST_MAX))
}

/// Four groups of four digits.
fn card(draw: u64, into: &mut Vec<u8>) {
    let mut digits = draw;
    for i in 0..CARD_BYTES {
        if i % 5 == 4 {
            into.push(b' ');
        } else {
            into.push(b'0' + (digits % 10) as u8);
            digits /= 10;
        }
    }
}
