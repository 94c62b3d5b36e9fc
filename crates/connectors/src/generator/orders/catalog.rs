//! What is sold: categories, invented brands and shops, products with believable prices.

use super::super::arrays::TextTable;
use super::super::draw::{Stream, Weighted};

const BRANDS: usize = 8;
const GOODS: usize = 12;
const SHOPS: [&str; 2] = ["旗舰店", "专卖店"];
/// How unequal shops are, and the goods within one.
const SHOP_SKEW: f64 = 1.05;
const GOODS_SKEW: f64 = 0.8;
const QUANTITY_WEIGHTS: [f64; 5] = [0.74, 0.16, 0.06, 0.01, 0.03];

struct Category {
    name: &'static str,
    /// Share of orders.
    share: f64,
    /// Invented.
    brands: [&'static str; BRANDS],
    /// Name, lowest and highest price in yuan.
    goods: [(&'static str, u32, u32); GOODS],
}

#[rustfmt::skip]
const CATEGORIES: [Category; 9] = [
    Category {
        name: "手机数码",
        share: 0.12,
        brands: ["星澜", "极曜", "云岫", "鲲羽", "朔光", "拾音阁", "墨点", "蓝汐"],
        goods: [
            ("智能手机", 1299, 6999), ("蓝牙耳机", 99, 1299), ("充电宝", 59, 299), ("平板电脑", 1099, 4999),
            ("智能手表", 199, 2499), ("轻薄笔记本", 3299, 8999), ("机械键盘", 129, 899), ("显示器", 699, 3999),
            ("移动硬盘", 299, 999), ("游戏笔记本", 5999, 13999), ("折叠屏手机", 6999, 12999), ("相机", 2999, 15999),
        ],
    },
    Category {
        name: "服饰",
        share: 0.23,
        brands: ["素笺", "青禾记", "北岸衣橱", "木棉里", "南枝", "一匹布", "山野集", "初雪"],
        goods: [
            ("羽绒服", 299, 1599), ("毛衣", 99, 499), ("牛仔裤", 89, 399), ("保暖内衣", 59, 259),
            ("连衣裙", 119, 599), ("衬衫", 79, 299), ("大衣", 399, 1999), ("运动裤", 69, 259),
            ("帆布鞋", 79, 299), ("短靴", 199, 899), ("围巾", 39, 299), ("双肩包", 99, 499),
        ],
    },
    Category {
        name: "美妆",
        share: 0.14,
        brands: ["花信风", "颜朵", "水云间", "雾里", "本草汐", "芙蕖", "轻绘", "月见"],
        goods: [
            ("面膜", 39, 199), ("精华液", 129, 899), ("口红", 59, 329), ("面霜", 99, 699),
            ("洗面奶", 39, 169), ("粉底液", 99, 459), ("防晒霜", 59, 259), ("洗发水", 39, 159),
            ("卸妆油", 59, 259), ("眼影盘", 69, 359), ("护手霜", 19, 99), ("香水", 199, 1099),
        ],
    },
    Category {
        name: "家电",
        share: 0.08,
        brands: ["恒岳", "风栖", "暖禾", "清川", "朗屏", "小满", "云顶", "格物"],
        goods: [
            ("空气炸锅", 169, 699), ("电饭煲", 149, 899), ("吹风机", 69, 1299), ("扫地机器人", 899, 4599),
            ("洗衣机", 999, 4999), ("冰箱", 1499, 7999), ("空调", 1799, 6999), ("电视", 1299, 9999),
            ("吸尘器", 299, 2999), ("热水器", 699, 3299), ("破壁机", 199, 1099), ("加湿器", 79, 499),
        ],
    },
    Category {
        name: "食品",
        share: 0.16,
        brands: ["田野集", "谷雨粮仓", "渔歌", "老灶台", "三味堂", "山里红", "茶山遥", "麦芒"],
        goods: [
            ("坚果礼盒", 59, 199), ("牛奶", 39, 89), ("零食大礼包", 49, 159), ("大米", 39, 129),
            ("咖啡", 39, 199), ("茶叶", 59, 599), ("车厘子", 79, 299), ("大闸蟹", 168, 699),
            ("牛排", 99, 399), ("橄榄油", 59, 199), ("燕麦片", 19, 79), ("白酒", 99, 1499),
        ],
    },
    Category {
        name: "母婴",
        share: 0.08,
        brands: ["小芽", "奶瓶星球", "棉朵朵", "呼噜熊", "亲亲贝", "初啼", "乐芽", "摇篮曲"],
        goods: [
            ("纸尿裤", 59, 199), ("婴儿奶粉", 168, 398), ("湿巾", 19, 89), ("童装", 59, 299),
            ("积木", 49, 499), ("绘本", 29, 199), ("奶瓶", 39, 199), ("学步鞋", 59, 259),
            ("安全座椅", 599, 2999), ("婴儿推车", 299, 2199), ("早教机", 99, 599), ("婴儿床", 399, 1999),
        ],
    },
    Category {
        name: "家居",
        share: 0.09,
        brands: ["木语", "归燕", "暖居", "一隅", "眠花", "苇岸", "三尺", "素舍"],
        goods: [
            ("床品四件套", 129, 799), ("毛巾", 19, 99), ("收纳箱", 29, 129), ("乳胶枕", 79, 399),
            ("餐具套装", 49, 299), ("台灯", 59, 399), ("窗帘", 69, 599), ("地毯", 79, 699),
            ("床垫", 699, 4999), ("人体工学椅", 399, 2999), ("书桌", 199, 1599), ("沙发", 899, 5999),
        ],
    },
    Category {
        name: "运动",
        share: 0.07,
        brands: ["越野熊", "追风", "极野", "燃点", "云跑", "岩行", "破浪", "山脊线"],
        goods: [
            ("跑步鞋", 199, 899), ("速干衣", 49, 199), ("冲锋衣", 299, 1599), ("篮球鞋", 299, 1099),
            ("瑜伽垫", 39, 199), ("羽毛球拍", 99, 799), ("哑铃", 59, 399), ("泳衣", 79, 299),
            ("登山包", 159, 799), ("跳绳", 19, 99), ("帐篷", 199, 1299), ("自行车", 599, 4999),
        ],
    },
    Category {
        name: "图书",
        share: 0.03,
        brands: ["墨海书社", "有光书屋", "纸上", "逐字", "晨读", "长河书局", "小鲸", "未眠"],
        goods: [
            ("长篇小说", 29, 69), ("儿童百科", 49, 199), ("历史读物", 39, 99), ("英语词汇书", 29, 69),
            ("科幻套装", 69, 199), ("考研真题", 39, 129), ("漫画全集", 59, 299), ("编程教程", 59, 139),
            ("经济学读本", 39, 99), ("菜谱", 29, 69), ("诗集", 25, 59), ("地图册", 39, 159),
        ],
    },
];

/// A product in a shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    shop: u32,
    good: u32,
}

/// Shops, goods and prices.
pub(super) struct Catalog {
    categories: TextTable,
    shops: TextTable,
    products: TextTable,
    /// Highest price of each product in cents, as [`Catalog::products`].
    cents: Vec<u64>,
    shop_weights: Weighted,
    good_weights: Weighted,
    quantity_weights: Weighted,
    shop: Stream,
    good: Stream,
    quantity: Stream,
    discount: Stream,
}

impl Catalog {
    /// The catalog of `seed`: the seed decides which shops are the big ones, and the prices.
    pub(super) fn new(seed: u64) -> Catalog {
        let of = |name| Stream::new(seed, name);
        let (price, rank) = (of("price"), of("shop rank"));
        let brands = || CATEGORIES.iter().flat_map(|c| c.brands.iter().map(move |b| (c, *b)));
        let shops = brands().flat_map(|(_, brand)| SHOPS.map(|shop| format!("{brand}{shop}")));
        let products = || brands().flat_map(|(c, brand)| c.goods.iter().map(move |good| (brand, good)));
        let cents = products().enumerate().map(|(i, (_, (_, low, high)))| {
            let yuan = f64::from(*low) * (f64::from(*high) / f64::from(*low)).powf(price.unit(i as u64));
            (yuan * 100.0) as u64
        });
        Catalog {
            categories: TextTable::new(CATEGORIES.iter().map(|c| c.name)),
            shops: TextTable::new(shops),
            products: TextTable::new(products().map(|(brand, (name, ..))| format!("{brand}{name}"))),
            cents: cents.collect(),
            shop_weights: Weighted::new(&shop_weights(rank)),
            good_weights: Weighted::zipf(GOODS, GOODS_SKEW),
            quantity_weights: Weighted::new(&QUANTITY_WEIGHTS),
            shop: of("shop"),
            good: of("good"),
            quantity: of("quantity"),
            discount: of("discount"),
        }
    }

    /// What an order or a visit is about.
    pub(super) fn item(&self, subject: u64) -> Item {
        Item {
            shop: self.shop_weights.pick(self.shop.at(subject)) as u32,
            good: self.good_weights.pick(self.good.at(subject)) as u32,
        }
    }

    /// The shop's name.
    pub(super) fn merchant(&self, item: Item) -> &[u8] {
        self.shops.get(item.shop as usize)
    }

    /// The product's name.
    pub(super) fn product(&self, item: Item) -> &[u8] {
        self.products.get(self.product_index(item))
    }

    /// The category's name.
    pub(super) fn category(&self, item: Item) -> &[u8] {
        self.categories.get(item.shop as usize / SHOPS.len() / BRANDS)
    }

    /// Price of one piece in this order: up to 15 % off, and as shops write prices (199.00, 39.90).
    pub(super) fn price_cents(&self, item: Item, order: u64) -> u64 {
        let full = self.cents[self.product_index(item)];
        let cents = full * (85 + self.discount.below(order, 16)) / 100;
        if cents >= 10_000 { cents / 1000 * 1000 + 900 } else { cents / 100 * 100 + 90 }
    }

    /// Pieces in this order.
    pub(super) fn quantity(&self, order: u64) -> u64 {
        self.quantity_weights.pick(self.quantity.at(order)) as u64 + 1
    }

    fn product_index(&self, item: Item) -> usize {
        item.shop as usize / SHOPS.len() * GOODS + item.good as usize
    }
}

/// Zipf within each category in an order of the seed's choice, the categories by their shares.
fn shop_weights(rank: Stream) -> Vec<f64> {
    let shops = BRANDS * SHOPS.len();
    let mut weights = Vec::with_capacity(CATEGORIES.len() * shops);
    let zipf: Vec<f64> = (1..=shops).map(|r| (r as f64).powf(-SHOP_SKEW)).collect();
    let sum: f64 = zipf.iter().sum();
    for (c, category) in CATEGORIES.iter().enumerate() {
        let mut order: Vec<usize> = (0..shops).collect();
        order.sort_by_key(|shop| rank.at((c * shops + shop) as u64));
        let mut own = vec![0.0; shops];
        for (shop, weight) in order.into_iter().zip(&zipf) {
            own[shop] = category.share * weight / sum;
        }
        weights.extend(own);
    }
    weights
}
