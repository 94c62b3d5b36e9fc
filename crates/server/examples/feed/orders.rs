//! The shop behind the made-up sales.

use sloth_types::rng::Rng;

const PROVINCES: [(&str, u64); 34] = [
    ("广东", 140),
    ("浙江", 118),
    ("江苏", 112),
    ("上海", 92),
    ("北京", 86),
    ("山东", 80),
    ("四川", 66),
    ("河南", 58),
    ("福建", 54),
    ("湖北", 52),
    ("湖南", 48),
    ("安徽", 44),
    ("河北", 42),
    ("重庆", 38),
    ("陕西", 34),
    ("辽宁", 32),
    ("江西", 30),
    ("广西", 26),
    ("云南", 24),
    ("天津", 24),
    ("山西", 20),
    ("黑龙江", 18),
    ("吉林", 16),
    ("贵州", 16),
    ("内蒙古", 14),
    ("新疆", 12),
    ("甘肃", 9),
    ("海南", 8),
    ("香港", 8),
    ("台湾", 7),
    ("宁夏", 5),
    ("青海", 4),
    ("澳门", 3),
    ("西藏", 3),
];
const CATEGORIES: [(&str, u64); 8] = [
    ("手机数码", 210),
    ("服饰鞋包", 190),
    ("家用电器", 170),
    ("美妆护肤", 140),
    ("食品生鲜", 90),
    ("母婴玩具", 80),
    ("家居家装", 70),
    ("运动户外", 60),
];
const MERCHANTS: [&str; 16] = [
    "苹果官方旗舰店",
    "华为官方旗舰店",
    "优衣库旗舰店",
    "美的官方旗舰店",
    "小米官方旗舰店",
    "海尔官方旗舰店",
    "兰蔻旗舰店",
    "耐克官方店",
    "雅诗兰黛旗舰店",
    "三只松鼠",
    "格力电器旗舰店",
    "安踏官方店",
    "林氏家居",
    "帮宝适旗舰店",
    "乐高旗舰店",
    "戴森旗舰店",
];
/// Orders of at least so much are shown one by one.
const BIG_CENTS: i128 = 3_200_000;

/// Sales so far.
pub(crate) struct Shop {
    rng: Rng,
    last_ms: i64,
    second: i64,
    counts: Counts,
    started_ms: i64,
    pub(crate) total_cents: i128,
    pub(crate) orders: u64,
    pub(crate) provinces: Vec<(&'static str, i128)>,
    pub(crate) categories: Vec<(&'static str, i128)>,
    /// Merchants of the current minute.
    pub(crate) merchants: Vec<(&'static str, i128)>,
    pub(crate) minute: i64,
    /// The minute that has just ended, with its merchants.
    pub(crate) minute_closed: Option<(i64, Vec<(&'static str, i128)>)>,
    /// Seconds that have just ended.
    pub(crate) seconds_closed: Vec<(i64, Counts)>,
}

/// Counts of one second.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) orders: i64,
    pub(crate) paid: i64,
    pub(crate) buyers: i64,
    pub(crate) cents: i128,
}

/// An order worth showing.
pub(crate) struct BigOrder {
    pub(crate) id: i64,
    pub(crate) province: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) category: &'static str,
    pub(crate) cents: i128,
}

impl Shop {
    pub(crate) fn new(now_ms: i64) -> Self {
        let zero = |names: &[(&'static str, u64)]| names.iter().map(|(n, _)| (*n, 0)).collect();
        Shop {
            rng: Rng::new(11),
            last_ms: now_ms - 30_000,
            second: (now_ms - 30_000) / 1000 * 1000,
            counts: Counts::default(),
            started_ms: now_ms,
            total_cents: 268_412_345_678,
            orders: 13_420_617,
            provinces: zero(&PROVINCES),
            categories: zero(&CATEGORIES),
            merchants: MERCHANTS.iter().map(|m| (*m, 0)).collect(),
            minute: now_ms / 60_000 * 60_000,
            minute_closed: None,
            seconds_closed: Vec::new(),
        }
    }

    /// Sells until `now_ms`; returns the big orders.
    pub(crate) fn sell(&mut self, now_ms: i64) -> Vec<BigOrder> {
        let mut big = Vec::new();
        while self.last_ms < now_ms {
            let step = (now_ms - self.last_ms).min(20);
            self.last_ms += step;
            self.roll();
            let wave = 1.0 + 0.35 * ((self.last_ms - self.started_ms) as f64 / 9_000.0).sin();
            let orders = (step as f64 * 40.0 * wave) as i64 + self.rng.between(0, 40);
            for _ in 0..(orders / 25).max(1) {
                self.order(25, &mut big);
            }
        }
        big
    }

    /// One order that stands for `times` like it.
    fn order(&mut self, times: i64, big: &mut Vec<BigOrder>) {
        let mut cents = i128::from(self.rng.between(1_900, 60_000));
        if self.rng.chance(0.000_9) {
            cents = i128::from(self.rng.between(3_000_000, 9_900_000));
        }
        let province = pick(&mut self.rng, &PROVINCES);
        let category = pick(&mut self.rng, &CATEGORIES);
        let merchant = ((self.rng.unit() * self.rng.unit()) * MERCHANTS.len() as f64) as usize;
        let sum = cents * if cents >= BIG_CENTS { 1 } else { i128::from(times) };
        self.orders += times as u64;
        self.total_cents += sum;
        self.provinces[province].1 += sum;
        self.categories[category].1 += sum;
        self.merchants[merchant].1 += sum;
        self.counts.orders += times;
        self.counts.cents += sum;
        self.counts.paid += times - i64::from(self.rng.chance(0.05)) * times / 2;
        self.counts.buyers += times * 37 / 10 + self.rng.between(-6, 6);
        if cents >= BIG_CENTS {
            big.push(BigOrder {
                id: self.orders as i64,
                province: PROVINCES[province].0,
                merchant: MERCHANTS[merchant],
                category: CATEGORIES[category].0,
                cents,
            });
        }
    }

    fn roll(&mut self) {
        let second = self.last_ms / 1000 * 1000;
        if second != self.second {
            self.seconds_closed.push((self.second, std::mem::take(&mut self.counts)));
            self.second = second;
        }
        let minute = self.last_ms / 60_000 * 60_000;
        if minute > self.minute {
            let fresh = self.merchants.iter().map(|(m, _)| (*m, 0)).collect();
            self.minute_closed = Some((self.minute, std::mem::replace(&mut self.merchants, fresh)));
            self.minute = minute;
        }
    }
}

fn pick(rng: &mut Rng, weighted: &[(&str, u64)]) -> usize {
    let mut left = rng.below(weighted.iter().map(|w| w.1).sum());
    weighted
        .iter()
        .position(|(_, weight)| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here
        })
        .unwrap_or(0)
}
