//! Options of `nexmark`, and what follows from them: which ids exist at which event.

use std::f64::consts::TAU;
use std::sync::Arc;

use sloth_types::{Error, Options, Result};

use super::super::draw::{Stream, scale32};
use super::super::lane::{rate, start_time};
use super::super::schedule::Schedule;

const OPTIONS: &[&str] = &[
    "connector",
    "first-event.rate",
    "next-event.rate",
    "rate.shape",
    "rate.period",
    "rate.limited",
    "max-emit-speed",
    "events.num",
    "stop-at",
    "keep-alive",
    "person.proportion",
    "auction.proportion",
    "bid.proportion",
    "person.avg-size",
    "auction.avg-size",
    "bid.avg-size",
    "bid.hot-ratio.auctions",
    "bid.hot-ratio.bidders",
    "auction.hot-ratio.sellers",
    "scan.parallelism",
    // Ours:
    "seed",
    "base-time",
    "out-of-order.group-size",
];

/// First id of persons and of auctions.
pub(super) const FIRST_ID: u64 = 1000;
/// Of so many neighbouring ids one is hot.
const HOT_GROUP: u64 = 100;
/// Persons that bid and sell at any time.
const ACTIVE_PERSONS: u64 = 1000;
/// Auctions that run at any time.
const AUCTIONS_IN_FLIGHT: u64 = 100;
/// Bids and auctions may name ids up to so many ahead of those that exist.
const ID_LEAD: u64 = 10;
/// Steps that stand for a sine wave.
const SINE_STEPS: usize = 10;
/// 2015-07-15 00:00:00, the day of the original's data: events that no clock paces are the same in every run.
const BASE_TIME_MS: i64 = 1_436_918_400_000;

/// The kind of an event; the numbers are those of column `event_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Person = 0,
    Auction = 1,
    Bid = 2,
}

/// The options, resolved.
#[derive(Debug)]
pub(super) struct Setup {
    /// Of `total` events in turn: first so many persons, then so many auctions, then bids.
    pub(super) persons: u64,
    pub(super) auctions: u64,
    pub(super) total: u64,
    /// Average size of an event in bytes, by [`Kind`].
    pub(super) sizes: [u64; 3],
    hot_auctions: u64,
    hot_bidders: u64,
    hot_sellers: u64,
    /// Events are shuffled within groups of so many.
    pub(super) group: u64,
    /// A number coprime to `group`.
    pub(super) group_step: u64,
    pub(super) events: Option<u64>,
    pub(super) schedule: Arc<Schedule>,
    pub(super) paced: bool,
    pub(super) start_ms: Option<i64>,
    pub(super) keep_alive: bool,
    /// Streams of draws, by use.
    pub(super) draws: Draws,
}

/// One stream a column.
#[derive(Debug)]
pub(super) struct Draws {
    pub(super) bid_auction: Stream,
    pub(super) bid_bidder: Stream,
    pub(super) bid_price: Stream,
    pub(super) bid_channel: Stream,
    pub(super) item_name: Stream,
    pub(super) description: Stream,
    pub(super) initial_bid: Stream,
    pub(super) reserve: Stream,
    pub(super) expires: Stream,
    pub(super) seller: Stream,
    pub(super) category: Stream,
    pub(super) name: Stream,
    pub(super) email: Stream,
    pub(super) card: Stream,
    pub(super) city: Stream,
    pub(super) state: Stream,
    pub(super) extra: Stream,
}

/// Option `seed`.
pub(super) fn seed(options: &Options) -> Result<u64> {
    options.parse_or("seed", "a whole number", 1)
}

impl Setup {
    /// Reads and checks the options.
    pub(super) fn new(options: &Options) -> Result<Setup> {
        options.check_known("nexmark", OPTIONS, &[])?;
        let number = |key: &str, default: u64| options.parse_or(key, "a whole number", default);
        let ratio = |key: &str, default: u64| match number(key, default)? {
            0 => Err(Error::invalid(format!("option '{key}' = '0': expected at least 1 (1: nothing is hot)"))),
            ratio if ratio > u32::MAX.into() => Err(Error::invalid(format!("option '{key}': too large"))),
            ratio => Ok(ratio),
        };
        let persons = number("person.proportion", 1)?;
        let auctions = number("auction.proportion", 3)?;
        let total = persons + auctions + number("bid.proportion", 46)?;
        if total == 0 {
            return Err(Error::invalid(
                "options 'person.proportion', 'auction.proportion' and 'bid.proportion' are all 0",
            ));
        }
        let size = |key: &str, default: u64| Ok::<_, Error>(options.bytes(key)?.unwrap_or(default));
        let flag = |key: &str, default: bool| options.parse_or(key, "true or false", default);
        let paced = flag("rate.limited", false)? || !flag("max-emit-speed", true)?;
        let start_ms = start_time(options, "base-time")?;
        let group = ratio("out-of-order.group-size", 1)?;
        Ok(Setup {
            persons,
            auctions,
            total,
            sizes: [size("person.avg-size", 200)?, size("auction.avg-size", 500)?, size("bid.avg-size", 100)?],
            hot_auctions: ratio("bid.hot-ratio.auctions", 2)?,
            hot_bidders: ratio("bid.hot-ratio.bidders", 4)?,
            hot_sellers: ratio("auction.hot-ratio.sellers", 4)?,
            group,
            group_step: [953, 967].into_iter().find(|prime| !group.is_multiple_of(*prime)).unwrap_or(1),
            events: events(options)?,
            schedule: Arc::new(schedule(options)?),
            paced,
            start_ms: if paced || options.get("base-time").is_some() { start_ms } else { Some(BASE_TIME_MS) },
            keep_alive: flag("keep-alive", false)?,
            draws: Draws::new(seed(options)?),
        })
    }

    /// Number of the last person that exists when the event at `place` in `round` is made.
    #[inline]
    fn last_person(&self, round: u64, place: u64) -> u64 {
        round * self.persons + place.min(self.persons.saturating_sub(1))
    }

    /// Number of the last auction that exists then; the event's own, if it is one.
    #[inline]
    pub(super) fn last_auction(&self, round: u64, place: u64) -> u64 {
        let done = (place + 1).saturating_sub(self.persons).min(self.auctions);
        (round * self.auctions + done).saturating_sub(1)
    }

    /// Number of the person that this event makes.
    #[inline]
    pub(super) fn person_id(&self, round: u64, place: u64) -> u64 {
        FIRST_ID + self.last_person(round, place)
    }

    /// The auction that a bid is for: a hot one, or any that may still run.
    #[inline]
    pub(super) fn auction_of_bid(&self, draw: u64, round: u64, place: u64) -> u64 {
        let last = self.last_auction(round, place);
        if is_hot(draw, self.hot_auctions) {
            return FIRST_ID + last / HOT_GROUP * HOT_GROUP;
        }
        let first = last.saturating_sub(AUCTIONS_IN_FLIGHT);
        FIRST_ID + first + scale32(draw as u32, last - first + 1 + ID_LEAD)
    }

    /// The person who bids: a hot one (not the hot seller), or any active one.
    #[inline]
    pub(super) fn bidder(&self, draw: u64, round: u64, place: u64) -> u64 {
        let last = self.last_person(round, place);
        let hot = is_hot(draw, self.hot_bidders);
        FIRST_ID + if hot { last / HOT_GROUP * HOT_GROUP + 1 } else { active_person(draw, last) }
    }

    /// The person who sells.
    #[inline]
    pub(super) fn seller(&self, draw: u64, round: u64, place: u64) -> u64 {
        let last = self.last_person(round, place);
        let hot = is_hot(draw, self.hot_sellers);
        FIRST_ID + if hot { last / HOT_GROUP * HOT_GROUP } else { active_person(draw, last) }
    }

    /// Events after which as many auctions as may run at a time have begun: how far auctions reach ahead.
    pub(super) fn horizon(&self) -> u64 {
        AUCTIONS_IN_FLIGHT * self.total / self.auctions.max(1)
    }
}

/// The upper half of the draw decides whether one is hot (with probability 1 - 1 / ratio), the lower half who it is.
#[inline]
fn is_hot(draw: u64, ratio: u64) -> bool {
    scale32((draw >> 32) as u32, ratio) > 0
}

#[inline]
fn active_person(draw: u64, last: u64) -> u64 {
    let persons = last + 1;
    let active = persons.min(ACTIVE_PERSONS);
    persons - active + scale32(draw as u32, active + ID_LEAD)
}

fn events(options: &Options) -> Result<Option<u64>> {
    let all = options.parse_or("events.num", "a whole number", 0)?;
    let stop: i64 = options.parse_or("stop-at", "a whole number", -1)?;
    Ok([(all > 0).then_some(all), u64::try_from(stop).ok()].into_iter().flatten().min())
}

fn schedule(options: &Options) -> Result<Schedule> {
    let first = rate(options, "first-event.rate", 10_000)?;
    let next = rate(options, "next-event.rate", 10_000)?;
    let period_ms = options.duration("rate.period")?.map_or(600_000, |period| period.as_millis() as u64).max(1000);
    let shape = options.get("rate.shape").unwrap_or("SQUARE").to_ascii_uppercase();
    let rates: Vec<f64> = match shape.as_str() {
        "SQUARE" => vec![first, next],
        "SINE" => {
            let (middle, height) = ((first + next) / 2.0, (first - next) / 2.0);
            (0..SINE_STEPS).map(|i| middle + height * (TAU * i as f64 / SINE_STEPS as f64).cos()).collect()
        }
        _ => return Err(Error::invalid(format!("option 'rate.shape' = '{shape}': expected 'SQUARE' or 'SINE'"))),
    };
    if first == next {
        return Ok(Schedule::constant(first));
    }
    Ok(Schedule::cyclic(&rates, period_ms.div_ceil(rates.len() as u64)))
}

impl Draws {
    fn new(seed: u64) -> Draws {
        let of = |name| Stream::new(seed, name);
        Draws {
            bid_auction: of("bid.auction"),
            bid_bidder: of("bid.bidder"),
            bid_price: of("bid.price"),
            bid_channel: of("bid.channel"),
            item_name: of("auction.itemName"),
            description: of("auction.description"),
            initial_bid: of("auction.initialBid"),
            reserve: of("auction.reserve"),
            expires: of("auction.expires"),
            seller: of("auction.seller"),
            category: of("auction.category"),
            name: of("person.name"),
            email: of("person.emailAddress"),
            card: of("person.creditCard"),
            city: of("person.city"),
            state: of("person.state"),
            extra: of("extra"),
        }
    }
}
