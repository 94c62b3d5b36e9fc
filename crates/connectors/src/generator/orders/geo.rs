//! Where buyers live: the 34 provincial-level regions by population, and their main cities.

use super::super::arrays::TextTable;
use super::super::draw::{Stream, Weighted};

/// Name as on maps, population in units of ten thousand (census of 2020), main cities by size.
const REGIONS: [(&str, u32, &[&str]); 34] = [
    ("广东", 12601, &["广州", "深圳", "东莞", "佛山", "惠州", "中山", "珠海"]),
    ("山东", 10153, &["青岛", "济南", "临沂", "潍坊", "烟台"]),
    ("河南", 9937, &["郑州", "南阳", "周口", "洛阳"]),
    ("江苏", 8475, &["苏州", "南京", "徐州", "南通", "无锡"]),
    ("四川", 8368, &["成都", "南充", "绵阳", "宜宾"]),
    ("河北", 7461, &["石家庄", "保定", "邯郸", "唐山"]),
    ("湖南", 6644, &["长沙", "衡阳", "常德", "株洲"]),
    ("浙江", 6457, &["杭州", "温州", "宁波", "金华", "嘉兴"]),
    ("安徽", 6103, &["合肥", "阜阳", "芜湖"]),
    ("湖北", 5775, &["武汉", "襄阳", "宜昌"]),
    ("广西", 5013, &["南宁", "柳州", "桂林"]),
    ("云南", 4721, &["昆明", "曲靖", "大理"]),
    ("江西", 4519, &["赣州", "南昌", "九江"]),
    ("辽宁", 4259, &["沈阳", "大连", "鞍山"]),
    ("福建", 4154, &["泉州", "福州", "厦门"]),
    ("陕西", 3953, &["西安", "咸阳", "宝鸡"]),
    ("贵州", 3856, &["贵阳", "遵义"]),
    ("山西", 3492, &["太原", "运城", "大同"]),
    ("重庆", 3205, &["重庆"]),
    ("黑龙江", 3185, &["哈尔滨", "齐齐哈尔", "大庆"]),
    ("新疆", 2585, &["乌鲁木齐", "喀什", "伊犁"]),
    ("甘肃", 2502, &["兰州", "天水"]),
    ("上海", 2487, &["上海"]),
    ("吉林", 2407, &["长春", "吉林市"]),
    ("内蒙古", 2405, &["呼和浩特", "包头", "鄂尔多斯"]),
    ("台湾", 2356, &["台北", "高雄", "台中"]),
    ("北京", 2189, &["北京"]),
    ("天津", 1387, &["天津"]),
    ("海南", 1008, &["海口", "三亚"]),
    ("香港", 747, &["香港"]),
    ("宁夏", 720, &["银川"]),
    ("青海", 592, &["西宁"]),
    ("西藏", 365, &["拉萨"]),
    ("澳门", 68, &["澳门"]),
];

/// Chooses a home for each buyer.
pub(super) struct Places {
    provinces: TextTable,
    cities: TextTable,
    weights: Weighted,
    /// Province of each city.
    province_of: Vec<usize>,
    home: Stream,
}

impl Places {
    /// The homes of `seed`.
    pub(super) fn new(seed: u64) -> Places {
        let cities = || REGIONS.iter().enumerate().flat_map(|(p, (.., cities))| cities.iter().map(move |c| (p, *c)));
        // Within a province the second city has half the weight of the first, and so on.
        let weights: Vec<f64> = (REGIONS.iter())
            .flat_map(|(_, population, cities)| {
                let sum: f64 = (1..=cities.len()).map(|rank| 1.0 / rank as f64).sum();
                (1..=cities.len()).map(move |rank| f64::from(*population) / rank as f64 / sum)
            })
            .collect();
        Places {
            provinces: TextTable::new(REGIONS.iter().map(|(name, ..)| *name)),
            cities: TextTable::new(cities().map(|(_, city)| city)),
            weights: Weighted::new(&weights),
            province_of: cities().map(|(province, _)| province).collect(),
            home: Stream::new(seed, "home"),
        }
    }

    /// The buyer's province.
    pub(super) fn province(&self, buyer: u64) -> &[u8] {
        self.provinces.get(self.province_of[self.home_of(buyer)])
    }

    /// The buyer's city.
    pub(super) fn city(&self, buyer: u64) -> &[u8] {
        self.cities.get(self.home_of(buyer))
    }

    fn home_of(&self, buyer: u64) -> usize {
        self.weights.pick(self.home.at(buyer))
    }
}
