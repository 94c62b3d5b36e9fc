//! Random values that depend on a seed, a name and an event number, and on nothing else.

use sloth_types::rng::Rng;

/// A stream of random numbers, addressable by event number. One for each use (mostly: each column), so that no column
/// depends on whether another is generated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream(u64);

// Always inlined: the loops around them then keep the mixed seed in a register.
impl Stream {
    /// The stream of `name` under `seed`.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: any stable hash will do, `Rng` does the mixing.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Stream(Rng::at(seed, hash).next_u64())
    }

    /// The draw of event `n`: 64 random bits.
    #[inline(always)]
    pub(super) fn at(self, n: u64) -> u64 {
        Rng::at(self.0, n).next_u64()
    }

    /// The draw of event `n`, uniform in `0..bound`.
    #[inline(always)]
    pub(super) fn below(self, n: u64, bound: u64) -> u64 {
        scale(self.at(n), bound)
    }

    /// The draw of event `n`, uniform in `[0, 1)`.
    #[inline(always)]
    pub(super) fn unit(self, n: u64) -> f64 {
        unit(self.at(n))
    }

    /// A generator of its own for event `n`, where one draw is not enough.
    #[inline(always)]
    pub(super) fn rng(self, n: u64) -> Rng {
        Rng::new(self.at(n))
    }
}

/// Maps 64 random bits to `0..bound`.
#[inline]
pub(super) fn scale(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

/// Maps 32 random bits to `0..bound`, for two choices from one draw (`bound` < 2^32).
#[inline]
pub(super) fn scale32(draw: u32, bound: u64) -> u64 {
    (u64::from(draw) * bound) >> 32
}

/// Maps 64 random bits to `[0, 1)`.
#[inline]
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

/// Chooses among few things by weight in constant time (Vose's alias method).
#[derive(Debug)]
pub(super) struct Weighted(Vec<Slot>);

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Keep the slot's own index when the low half of the draw is below this.
    keep: u64,
    alias: u32,
}

impl Weighted {
    /// Index `i` is chosen with probability `weights[i] / sum`. There must be at least one positive weight.
    pub(super) fn new(weights: &[f64]) -> Self {
        let sum: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|w| w * weights.len() as f64 / sum).collect();
        let mut slots: Vec<Slot> = (0..weights.len()).map(|i| Slot { keep: 1 << 32, alias: i as u32 }).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..share.len()).partition(|&i| share[i] < 1.0);
        while let (Some(&p), Some(&r)) = (poor.last(), rich.last()) {
            poor.pop();
            slots[p] = Slot { keep: (share[p] * (1u64 << 32) as f64) as u64, alias: r as u32 };
            share[r] -= 1.0 - share[p];
            if share[r] < 1.0 {
                rich.pop();
                poor.push(r);
            }
        }
        Weighted(slots)
    }

    /// Weights `1 / rank^exponent` for `len` ranks.
    pub(super) fn zipf(len: usize, exponent: f64) -> Self {
        Self::new(&(1..=len).map(|rank| (rank as f64).powf(-exponent)).collect::<Vec<_>>())
    }

    /// The index that 64 random bits choose.
    #[inline]
    pub(super) fn pick(&self, draw: u64) -> usize {
        let index = scale32((draw >> 32) as u32, self.0.len() as u64) as usize;
        let slot = self.0[index];
        if (draw & 0xffff_ffff) < slot.keep { index } else { slot.alias as usize }
    }
}
