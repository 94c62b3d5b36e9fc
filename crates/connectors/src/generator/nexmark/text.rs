//! Texts of Nexmark events: channels and URLs, filler, free text.

use sloth_types::rng::Rng;

use super::super::arrays::TextTable;
use super::super::draw::{Stream, scale, scale32};

const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const CHANNELS: u64 = 10_000;
/// Filler is cut out of one long random text.
const FILLER_BYTES: u64 = 1 << 18;
/// Free text is at least so long.
const TEXT_MIN: u64 = 3;
/// Prices are looked up in two steps of so many bits.
const PRICE_BITS: u32 = 11;

/// Tables made once for a table and shared by all readers.
pub(super) struct Tables {
    channels: TextTable,
    urls: TextTable,
    filler: Vec<u8>,
    coarse: Vec<f64>,
    fine: Vec<f64>,
}

impl Tables {
    /// The tables of `seed`.
    pub(super) fn new(seed: u64) -> Tables {
        let draws = Stream::new(seed, "channel table");
        let hot = HOT_CHANNELS.len() as u64;
        let channels = HOT_CHANNELS.iter().map(|c| (*c).to_owned());
        let channels = TextTable::new(channels.chain((0..CHANNELS).map(|i| format!("channel-{i}"))));
        let urls = TextTable::new((0..hot + CHANNELS).map(|i| url(draws.rng(i), i.checked_sub(hot))));
        let steps = 1u64 << PRICE_BITS;
        let power = |i: u64, of: u64| 10f64.powf(6.0 * i as f64 / of as f64);
        Tables {
            channels,
            urls,
            filler: filler(Stream::new(seed, "filler").rng(0)),
            coarse: (0..steps).map(|i| 100.0 * power(i, steps)).collect(),
            fine: (0..steps).map(|i| power(i, steps * steps)).collect(),
        }
    }

    /// A price: 100 * 10^u with u uniform in 0..6, to 22 bits.
    #[inline]
    pub(super) fn price(&self, draw: u64) -> u64 {
        let mask = (1 << PRICE_BITS) - 1;
        let coarse = self.coarse[(draw >> (64 - PRICE_BITS)) as usize];
        let fine = self.fine[(draw >> (64 - 2 * PRICE_BITS)) as usize & mask];
        (coarse * fine + 0.5) as u64
    }

    /// The channel that a draw chooses: every second time a hot one.
    #[inline]
    fn channel_index(draw: u64) -> usize {
        let hot = HOT_CHANNELS.len() as u64;
        let index = if draw >> 63 == 1 { scale32(draw as u32, hot) } else { hot + scale32(draw as u32, CHANNELS) };
        index as usize
    }

    /// Name of the channel.
    #[inline]
    pub(super) fn channel(&self, draw: u64) -> &[u8] {
        self.channels.get(Self::channel_index(draw))
    }

    /// URL of the same channel.
    #[inline]
    pub(super) fn url(&self, draw: u64) -> &[u8] {
        self.urls.get(Self::channel_index(draw))
    }

    /// Appends filler of `average` bytes, a fifth more or less.
    #[inline]
    pub(super) fn filler(&self, draw: u64, average: u64, into: &mut Vec<u8>) {
        let delta = (average + 2) / 5;
        let length = average - delta + scale32(draw as u32, (2 * delta).max(1));
        let length = length.min(FILLER_BYTES);
        let from = scale32((draw >> 32) as u32, FILLER_BYTES - length + 1) as usize;
        into.extend_from_slice(&self.filler[from..from + length as usize]);
    }
}

/// `https://www.nexmark.com/a/b/c/item.htm?query=1`, nine times of ten with the channel's id if it has a number.
fn url(mut rng: Rng, channel: Option<u64>) -> String {
    let mut bytes = b"https://www.nexmark.com/".to_vec();
    for _ in 0..3 {
        let length = TEXT_MIN + rng.below(2);
        free_text(&mut rng, length, b'_', &mut bytes);
        bytes.push(b'/');
    }
    let mut url = String::from_utf8_lossy(&bytes).into_owned() + "item.htm?query=1";
    if let Some(id) = channel.filter(|_| rng.below(10) > 0) {
        let reversed = (id as u32).reverse_bits() as i32;
        url += &format!("&channel_id={}", reversed.unsigned_abs());
    }
    url
}

/// Runs of six characters, small letters or the 26 characters up to `a`: as the original's, whose arithmetic makes
/// half of the runs negative. So there are backslashes to escape and `c`s to count at the same rate.
fn filler(mut rng: Rng) -> Vec<u8> {
    let mut text = Vec::with_capacity(FILLER_BYTES as usize + 6);
    while text.len() < FILLER_BYTES as usize {
        let draw = rng.next_u64();
        let mut rest = draw >> 1;
        for _ in 0..6 {
            let letter = (rest % 26) as u8;
            rest /= 26;
            text.push(if draw & 1 == 0 { b'a' + letter } else { b'a' - letter });
        }
    }
    text.truncate(FILLER_BYTES as usize);
    text
}

/// Length of a free text of up to `length_max` bytes (not itself reached).
#[inline]
pub(super) fn free_text_length(draw: u64, length_max: u64) -> u64 {
    TEXT_MIN + scale(draw, length_max - TEXT_MIN)
}

/// Appends small letters, every thirteenth or so replaced by `special`, but not at the ends.
pub(super) fn free_text(rng: &mut Rng, length: u64, special: u8, into: &mut Vec<u8>) {
    let (mut bits, mut left) = (0, 0);
    for i in 0..length {
        if left == 0 {
            (bits, left) = (rng.next_u64(), 6);
        }
        let draw = bits & 0x3ff;
        (bits, left) = (bits >> 10, left - 1);
        let inside = i > 0 && i + 1 < length;
        into.push(if draw < 79 && inside { special } else { b'a' + ((draw * 26) >> 10) as u8 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_spread_evenly_over_the_orders_of_magnitude() {
        let tables = Tables::new(1);
        let mut decades = [0; 6];
        for n in 0..60_000 {
            let price = tables.price(Rng::at(7, n).next_u64());
            assert!((100..=100_000_000).contains(&price), "{price}");
            decades[(price as f64).log10() as usize - 2] += 1;
        }
        assert!(decades.iter().all(|n| (9_400..10_600).contains(n)), "{decades:?}");
    }

    #[test]
    fn texts_have_the_length_asked_for() {
        let tables = Tables::new(1);
        let mut bytes = Vec::new();
        (0..1000).for_each(|n| tables.filler(Rng::at(1, n).next_u64(), 68, &mut bytes));
        assert!((67_000..69_000).contains(&bytes.len()), "{}", bytes.len());
        bytes.clear();
        tables.filler(0, 0, &mut bytes);
        assert!(bytes.is_empty());
        let mut rng = Rng::new(1);
        free_text(&mut rng, 5, b' ', &mut bytes);
        assert_eq!(bytes.len(), 5);
    }
}
