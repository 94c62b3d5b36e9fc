//! The shop behind the made-up sales.

use sloth_types::rng::Rng;

/// Provinces, what a city of theirs is called, and their weight.
const PROVINCES: [(&str, &str, u64); 34] = [
    ("广东", "深圳", 140),
    ("浙江", "杭州", 118),
    ("江苏", "苏州", 112),
    ("上海", "上海", 92),
    ("北京", "北京", 86),
    ("山东", "青岛", 80),
    ("四川", "成都", 66),
    ("河南", "郑州", 58),
    ("福建", "厦门", 54),
    ("湖北", "武汉", 52),
    ("湖南", "长沙", 48),
    ("安徽", "合肥", 44),
    ("河北", "石家庄", 42),
    ("重庆", "重庆", 38),
    ("陕西", "西安", 34),
    ("辽宁", "大连", 32),
    ("江西", "南昌", 30),
    ("广西", "南宁", 26),
    ("云南", "昆明", 24),
    ("天津", "天津", 24),
    ("山西", "太原", 20),
    ("黑龙江", "哈尔滨", 18),
    ("吉林", "长春", 16),
    ("贵州", "贵阳", 16),
    ("内蒙古", "包头", 14),
    ("新疆", "乌鲁木齐", 12),
    ("甘肃", "兰州", 9),
    ("海南", "三亚", 8),
    ("香港", "香港", 8),
    ("台湾", "台北", 7),
    ("宁夏", "银川", 5),
    ("青海", "西宁", 4),
    ("澳门", "澳门", 3),
    ("西藏", "拉萨", 3),
];
/// Categories, an expensive product of theirs, and their weight.
const CATEGORIES: [(&str, &str, u64); 8] = [
    ("手机数码", "折叠屏手机", 210),
    ("服饰", "大衣", 190),
    ("家电", "对开门冰箱", 170),
    ("美妆", "精华套装", 140),
    ("食品", "年份白酒", 90),
    ("母婴", "婴儿推车", 80),
    ("家居", "真皮沙发", 70),
    ("运动", "碳纤维公路车", 60),
];
/// Invented.
const MERCHANTS: [&str; 16] = [
    "星澜旗舰店",
    "极曜旗舰店",
    "素笺旗舰店",
    "云岫专卖店",
    "花信风旗舰店",
    "北岸衣橱旗舰店",
    "鲲羽专卖店",
    "颜朵旗舰店",
    "青禾记旗舰店",
    "朔光旗舰店",
    "水云间专卖店",
    "木棉里旗舰店",
    "拾音阁旗舰店",
    "雾里旗舰店",
    "南枝专卖店",
    "月见旗舰店",
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
    pub(crate) province: &'static str,
    pub(crate) city: &'static str,
    pub(crate) merchant: &'static str,
    pub(crate) product: &'static str,
    pub(crate) cents: i128,
}

impl Shop {
    pub(crate) fn new(now_ms: i64) -> Self {
        let zero = |names: &[(&'static str, &str, u64)]| names.iter().map(|(n, ..)| (*n, 0)).collect();
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
                province: PROVINCES[province].0,
                city: PROVINCES[province].1,
                merchant: MERCHANTS[merchant],
                product: CATEGORIES[category].1,
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
    }
}

fn pick(rng: &mut Rng, weighted: &[(&str, &str, u64)]) -> usize {
    let mut left = rng.below(weighted.iter().map(|w| w.2).sum());
    weighted
        .iter()
        .position(|(.., weight)| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here
        })
        .unwrap_or(0)
}
