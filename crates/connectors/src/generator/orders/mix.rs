//! Which event is what: visits, orders, payments and refunds in a fixed proportion, and which order a payment or a
//! refund belongs to.
//!
//! Nothing is remembered: a payment finds its order by arithmetic. Orders come in blocks; the payments of a block are
//! the orders of the block before it, in another order, so each order is paid once, after a time between the gap and
//! the gap and two blocks.

use super::super::draw::Stream;

/// Events of a round, by kind. Refunds come in every fourth round only.
const ROUND: u64 = 50;
const ORDERS: u64 = 12;
const QUICK_PAYMENTS: u64 = 9;
const SLOW_PAYMENTS: u64 = 3;
const REFUND_ROUNDS: u64 = 4;
/// Orders come in groups of four, of which three are paid quickly.
const GROUP: u64 = ORDERS / SLOW_PAYMENTS;
const QUICK: u64 = GROUP - 1;
/// Share of events that may be late: visits and orders.
pub(super) const LATE_SHARE: f64 = 0.76;
/// Payments that succeed.
const SUCCESS: f64 = 0.97;
/// Seconds from order to payment: the least, the length of a block of quick ones, the most.
const PAY_SECONDS_MIN: f64 = 1.0;
const QUICK_BLOCK_SECONDS: f64 = 3.0;
const PAY_SECONDS_MAX: f64 = 60.0;
/// Seconds from order to refund, about.
const REFUND_SECONDS: f64 = 75.0;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Visit,
    Order,
    Payment,
    Refund,
}

impl Kind {
    /// As in column `event_type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Visit => "visit",
            Kind::Order => "order",
            Kind::Payment => "payment",
            Kind::Refund => "refund",
        }
    }
}

/// A place in a round; the number counts places of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Visit,
    Order(u64),
    QuickPayment(u64),
    SlowPayment(u64),
    Refund,
}

/// Payments of one speed: number `p` pays the order with the number `order_of(p)` among those of its speed.
#[derive(Clone, Copy, Debug)]
struct Payments {
    gap: u64,
    block: u64,
    step: u64,
}

impl Payments {
    fn order_of(self, payment: u64) -> Option<u64> {
        let position = payment.checked_sub(self.gap)?;
        let block = (position / self.block).checked_sub(1)?;
        Some(block * self.block + position % self.block * self.step % self.block)
    }
}

/// The proportions and delays.
#[derive(Debug)]
pub(super) struct Mix {
    round: Vec<Slot>,
    quick: Payments,
    slow: Payments,
    refund_after: u64,
    success: Stream,
    refunded: Stream,
}

impl Mix {
    /// For `rate` events per second of event time, `surge` times as many at the height, and event times that are up to
    /// `disorder` seconds too early.
    pub(super) fn new(seed: u64, rate: f64, surge: f64, disorder: f64) -> Mix {
        // An order and its payment may each be out of order, and numbers advance fastest in the surge.
        let gap_seconds = surge * (PAY_SECONDS_MIN + disorder);
        let slow_seconds = ((PAY_SECONDS_MAX - disorder - gap_seconds) / 2.0 - 1.0).max(1.0);
        let payments = |share: u64, block_seconds: f64| {
            let rate = rate * share as f64 / ROUND as f64;
            let block = ((rate * block_seconds) as u64).max(1);
            // Any number coprime to the block makes a permutation; about 0.618 of it spreads well.
            let step = ((block as f64 * 0.618) as u64..).find(|step| gcd(*step, block) == 1).unwrap_or(1);
            // One round more: the places of a kind are not evenly spread.
            Payments { gap: (rate * gap_seconds).ceil() as u64 + share, block, step }
        };
        let order_rate = rate * ORDERS as f64 / ROUND as f64;
        Mix {
            round: round(),
            quick: payments(QUICK_PAYMENTS, QUICK_BLOCK_SECONDS),
            slow: payments(SLOW_PAYMENTS, slow_seconds),
            refund_after: (order_rate * REFUND_SECONDS) as u64 + ORDERS * REFUND_ROUNDS,
            success: Stream::new(seed, "payment success"),
            refunded: Stream::new(seed, "refunded order"),
        }
    }

    /// What event `n` is, and the number of its order (of the event itself, for a visit). Payments and refunds that
    /// have no order yet are visits.
    pub(super) fn event(&self, n: u64) -> (Kind, u64) {
        let round = n / ROUND;
        let (kind, order) = match self.round[(n % ROUND) as usize] {
            Slot::Visit => (Kind::Visit, None),
            Slot::Order(i) => (Kind::Order, Some(round * ORDERS + i)),
            Slot::QuickPayment(i) => {
                let order = self.quick.order_of(round * QUICK_PAYMENTS + i);
                (Kind::Payment, order.map(|k| k / QUICK * GROUP + k % QUICK))
            }
            Slot::SlowPayment(i) => {
                let order = self.slow.order_of(round * SLOW_PAYMENTS + i);
                (Kind::Payment, order.map(|k| k * GROUP + QUICK))
            }
            Slot::Refund => (Kind::Refund, self.refunded_order(round)),
        };
        order.map_or((Kind::Visit, n), |order| (kind, order))
    }

    /// Whether the payment of an order succeeds.
    pub(super) fn succeeds(&self, order: u64) -> bool {
        self.success.unit(order) < SUCCESS
    }

    /// The event at about which an order was made.
    pub(super) fn event_of_order(order: u64) -> u64 {
        order / ORDERS * ROUND
    }

    fn refunded_order(&self, round: u64) -> Option<u64> {
        if !round.is_multiple_of(REFUND_ROUNDS) {
            return None;
        }
        let order = (round * ORDERS).checked_sub(self.refund_after)?;
        let order = order + self.refunded.below(round, ORDERS * REFUND_ROUNDS);
        self.succeeds(order).then_some(order)
    }
}

/// The places of a round, the kinds well mixed.
fn round() -> Vec<Slot> {
    let mut counts = [0; 3];
    let mut next = |kind: usize| {
        counts[kind] += 1;
        counts[kind] - 1
    };
    // 21 is coprime to 50, so this is a permutation of the places.
    let slot = |place: u64| match place * 21 % ROUND {
        i if i < ORDERS => Slot::Order(next(0)),
        i if i < ORDERS + QUICK_PAYMENTS => Slot::QuickPayment(next(1)),
        i if i < ORDERS + QUICK_PAYMENTS + SLOW_PAYMENTS => Slot::SlowPayment(next(2)),
        i if i == ORDERS + QUICK_PAYMENTS + SLOW_PAYMENTS => Slot::Refund,
        _ => Slot::Visit,
    };
    (0..ROUND).map(slot).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
