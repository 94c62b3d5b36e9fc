//! A sum of floats as one long binary number: exact whatever is added and in whatever order, and rounded once.

/// Words of 64 bits: from the smallest subnormal (2^-1074) to the largest float times 2^64, and room for a carry.
const WORDS: usize = 36;

/// A fixed-point number in two's complement; its lowest bit is worth 2^-1074.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exact([u64; WORDS]);

impl Default for Exact {
    fn default() -> Self {
        Exact([0; WORDS])
    }
}

impl Exact {
    /// Adds a finite float `weight` times.
    pub(super) fn add(&mut self, value: f64, weight: i64) {
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
        let mantissa = if exponent == 0 { fraction } else { fraction | (1 << 52) };
        let shift = exponent.max(1) as usize - 1;
        let product = u128::from(mantissa) * u128::from(weight.unsigned_abs());
        let (low, high, bit) = (product as u64, (product >> 64) as u64, (shift % 64) as u32);
        let parts = match bit {
            0 => [low, high, 0],
            _ => [low << bit, (high << bit) | (low >> (64 - bit)), high >> (64 - bit)],
        };
        let negative = value.is_sign_negative() != (weight < 0);
        let mut carry = false;
        for (i, word) in self.0.iter_mut().enumerate().skip(shift / 64) {
            let part = parts.get(i - shift / 64).copied();
            if part.is_none() && !carry {
                break;
            }
            let part = part.unwrap_or(0);
            let (sum, first) = if negative { word.overflowing_sub(part) } else { word.overflowing_add(part) };
            let (sum, second) =
                if negative { sum.overflowing_sub(u64::from(carry)) } else { sum.overflowing_add(u64::from(carry)) };
            *word = sum;
            carry = first || second;
        }
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, words: impl Iterator<Item = u64>) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(words) {
            let (sum, first) = word.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *word = sum;
            carry = first || second;
        }
    }

    /// The number's words, lowest first.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// True when nothing is left.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The nearest float, ties to even; beyond the largest one an infinity.
    pub(super) fn round(&self) -> f64 {
        let negative = self.0[WORDS - 1] >> 63 == 1;
        let mut words = self.0;
        if negative {
            let mut carry = true;
            for word in &mut words {
                let (sum, over) = (!*word).overflowing_add(u64::from(carry));
                *word = sum;
                carry = over;
            }
        }
        let Some(top) = words.iter().rposition(|word| *word != 0) else { return 0.0 };
        let highest = top * 64 + 63 - words[top].leading_zeros() as usize;
        let magnitude = if highest < 53 { f64::from_bits(words[0]) } else { rounded(&words, highest) };
        if negative { -magnitude } else { magnitude }
    }
}

fn bit(words: &[u64; WORDS], at: usize) -> bool {
    (words[at / 64] >> (at % 64)) & 1 == 1
}

/// The float of the 53 bits from `highest` down, rounded by the bits below.
fn rounded(words: &[u64; WORDS], highest: usize) -> f64 {
    let lowest = highest - 52;
    let (word, shift) = (lowest / 64, (lowest % 64) as u32);
    let next = if shift == 0 { 0 } else { words.get(word + 1).copied().unwrap_or(0) << (64 - shift) };
    let mut mantissa = ((words[word] >> shift) | next) & ((1 << 53) - 1);
    let mut exponent = lowest as u64 + 1;
    let half = lowest - 1;
    let below = || words[..half / 64].iter().any(|w| *w != 0) || words[half / 64] & ((1u64 << (half % 64)) - 1) != 0;
    if bit(words, half) && (mantissa & 1 == 1 || below()) {
        mantissa += 1;
        if mantissa == 1 << 53 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    if exponent >= 0x7ff { f64::INFINITY } else { f64::from_bits((exponent << 52) | (mantissa & ((1 << 52) - 1))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sloth_types::rng::Rng;

    fn of(values: &[(f64, i64)]) -> f64 {
        let mut sum = Exact::default();
        for (value, weight) in values {
            sum.add(*value, *weight);
        }
        sum.round()
    }

    #[test]
    fn a_float_comes_back_as_it_went_in() {
        let mut rng = Rng::new(3);
        for _ in 0..2000 {
            let value = f64::from_bits(rng.next_u64());
            if value.is_finite() {
                assert_eq!(of(&[(value, 1)]), value);
                assert_eq!(of(&[(value, -1)]), -value);
                assert_eq!(of(&[(value, 5), (0.1, 7), (value, -5), (0.1, -6)]), 0.1);
            }
        }
    }

    #[test]
    fn sums_beyond_the_largest_float_come_back_into_range() {
        assert_eq!(of(&[(f64::MAX, 1), (f64::MAX, 1)]), f64::INFINITY);
        assert_eq!(of(&[(f64::MAX, 3), (f64::MAX, -2)]), f64::MAX);
        assert_eq!(of(&[(f64::MAX, i64::MAX), (1.0, 1), (f64::MAX, -i64::MAX)]), 1.0);
        assert_eq!(of(&[(f64::MAX, -2)]), f64::NEG_INFINITY);
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let ulp = 2f64.powi(-52);
        assert_eq!(of(&[(1.0, 1), (ulp / 2.0, 1)]), 1.0);
        assert_eq!(of(&[(1.0 + ulp, 1), (ulp / 2.0, 1)]), 1.0 + 2.0 * ulp);
        assert_eq!(of(&[(1.0, 1), (ulp / 2.0, 1), (f64::from_bits(1), 1)]), 1.0 + ulp);
        assert_eq!(of(&[(1.0, 1), (ulp / 2.0, 1), (f64::from_bits(1), -1)]), 1.0);
        assert_eq!(of(&[(f64::from_bits(3), 1), (f64::from_bits(4), 1)]), f64::from_bits(7));
    }

    #[test]
    fn integers_add_up_as_wide_integers_do() {
        let mut rng = Rng::new(11);
        for _ in 0..500 {
            let values: Vec<(i64, i64)> =
                (0..rng.below(40)).map(|_| (rng.between(-(1 << 52), 1 << 52), rng.between(-100, 100))).collect();
            let total: i128 = values.iter().map(|(v, w)| i128::from(*v) * i128::from(*w)).sum();
            let floats: Vec<(f64, i64)> = values.iter().map(|(v, w)| (*v as f64, *w)).collect();
            assert_eq!(of(&floats), total as f64);
        }
    }
}
