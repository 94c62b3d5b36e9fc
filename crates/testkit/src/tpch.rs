//! The tables of TPC-H, loaded and then changed at random.

use sloth_types::rng::Rng;
use tpchgen::distribution::Distributions;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen::text::TextPool;

use crate::changes::{Change, Kind, Row, Table};

const MONEY: Kind = Kind::Dec(15, 2);

/// Column names (without the table's prefix) and types; numbers in names of places are nations.
type Columns = &'static [(&'static str, Kind)];

const PART: Columns = &[
    ("p_partkey", Kind::Big),
    ("p_name", Kind::Str),
    ("p_mfgr", Kind::Str),
    ("p_brand", Kind::Str),
    ("p_type", Kind::Str),
    ("p_size", Kind::Int),
    ("p_container", Kind::Str),
    ("p_retailprice", MONEY),
    ("p_comment", Kind::Str),
];
const SUPPLIER: Columns = &[
    ("s_suppkey", Kind::Big),
    ("s_name", Kind::Str),
    ("s_address", Kind::Str),
    ("s_nationkey", Kind::Big),
    ("s_phone", Kind::Str),
    ("s_acctbal", MONEY),
    ("s_comment", Kind::Str),
];
const PARTSUPP: Columns = &[
    ("ps_partkey", Kind::Big),
    ("ps_suppkey", Kind::Big),
    ("ps_availqty", Kind::Int),
    ("ps_supplycost", MONEY),
    ("ps_comment", Kind::Str),
];
const CUSTOMER: Columns = &[
    ("c_custkey", Kind::Big),
    ("c_name", Kind::Str),
    ("c_address", Kind::Str),
    ("c_nationkey", Kind::Big),
    ("c_phone", Kind::Str),
    ("c_acctbal", MONEY),
    ("c_mktsegment", Kind::Str),
    ("c_comment", Kind::Str),
];
const ORDERS: Columns = &[
    ("o_orderkey", Kind::Big),
    ("o_custkey", Kind::Big),
    ("o_orderstatus", Kind::Str),
    ("o_totalprice", MONEY),
    ("o_orderdate", Kind::Date),
    ("o_orderpriority", Kind::Str),
    ("o_clerk", Kind::Str),
    ("o_shippriority", Kind::Int),
    ("o_comment", Kind::Str),
];
const LINEITEM: Columns = &[
    ("l_orderkey", Kind::Big),
    ("l_partkey", Kind::Big),
    ("l_suppkey", Kind::Big),
    ("l_linenumber", Kind::Int),
    ("l_quantity", MONEY),
    ("l_extendedprice", MONEY),
    ("l_discount", MONEY),
    ("l_tax", MONEY),
    ("l_returnflag", Kind::Str),
    ("l_linestatus", Kind::Str),
    ("l_shipdate", Kind::Date),
    ("l_commitdate", Kind::Date),
    ("l_receiptdate", Kind::Date),
    ("l_shipinstruct", Kind::Str),
    ("l_shipmode", Kind::Str),
    ("l_comment", Kind::Str),
];
const NATION: Columns =
    &[("n_nationkey", Kind::Big), ("n_name", Kind::Str), ("n_regionkey", Kind::Big), ("n_comment", Kind::Str)];
const REGION: Columns = &[("r_regionkey", Kind::Big), ("r_name", Kind::Str), ("r_comment", Kind::Str)];

/// The nations that the queries name: Brazil, Canada, France, Germany, Saudi Arabia; and China for Asia.
const NATIONS: [&str; 6] = ["2", "3", "6", "7", "20", "18"];

/// Size of the pool from which comments are cut: the standard's pool takes longer than all queries.
const POOL: i32 = 1 << 20;

/// How the tables are loaded and changed.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The scale factor.
    pub scale: f64,
    /// Epochs in which the rows are loaded.
    pub load_epochs: usize,
    /// Epochs with changes behind them.
    pub change_epochs: usize,
    /// Changes of a large table in an epoch; small ones have fewer.
    pub changes: usize,
}

/// All eight tables.
///
/// At a small scale there are so few suppliers and customers that most queries would find nothing: they live in the
/// nations that the queries ask for, and suppliers share the parts among them.
pub fn tables(rng: &mut Rng, shape: &Shape) -> Vec<Table> {
    let (d, scale) = (Distributions::static_default(), shape.scale);
    let pool = TextPool::new(POOL, d);
    let part = PartGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let supplier = SupplierGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let partsupp = PartSuppGenerator::new_with_text_pool(scale, 1, 1, &pool);
    let customer = CustomerGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let orders = OrderGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let lineitem = LineItemGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let nation = NationGenerator::new_with_distributions_and_text_pool(d, &pool);
    let region = RegionGenerator::new_with_distributions_and_text_pool(d, &pool);
    let mut suppliers = rows(supplier.iter());
    let mut customers = rows(customer.iter());
    for row in suppliers.iter_mut().chain(&mut customers) {
        row[3] = Some(NATIONS[rng.below(NATIONS.len() as u64) as usize].to_owned());
    }
    vec![
        changing(rng, shape, "part", PART, rows(part.iter())),
        changing(rng, shape, "supplier", SUPPLIER, suppliers),
        changing(rng, shape, "partsupp", PARTSUPP, rows(partsupp.iter())),
        changing(rng, shape, "customer", CUSTOMER, customers),
        changing(rng, shape, "orders", ORDERS, rows(orders.iter())),
        changing(rng, shape, "lineitem", LINEITEM, rows(lineitem.iter())),
        changing(rng, shape, "nation", NATION, rows(nation.iter())),
        changing(rng, shape, "region", REGION, rows(region.iter())),
    ]
}

fn rows<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> Vec<Row> {
    let row = |item: T| {
        let text = item.to_string();
        text.trim_end_matches('|').split('|').map(|cell| Some(cell.to_owned())).collect()
    };
    items.map(row).collect()
}

fn changing(rng: &mut Rng, shape: &Shape, name: &str, columns: Columns, rows: Vec<Row>) -> Table {
    let splits = 2;
    let insert = |(i, row): (usize, Row)| Change { row, diff: 1, split: i % splits };
    let size = rows.len().div_ceil(shape.load_epochs).max(1);
    let mut there = rows.clone();
    let mut epochs: Vec<Vec<Change>> =
        rows.chunks(size).map(|chunk| chunk.iter().cloned().enumerate().map(insert).collect()).collect();
    epochs.resize(shape.load_epochs, vec![]);
    // Nations and regions are what they are.
    let changes = if there.len() < 30 && columns.len() < 5 { 0 } else { shape.changes.min(there.len() / 5 + 1) };
    for _ in 0..shape.change_epochs {
        let mut epoch = vec![];
        let mut note = |row: &Row, diff: i64, split: u64| {
            epoch.push(Change { row: row.clone(), diff, split: split as usize });
        };
        for _ in 0..changes {
            let at = rng.below(there.len() as u64) as usize;
            let split = rng.below(splits as u64);
            match rng.below(4) {
                0 => note(&there.swap_remove(at), -1, split),
                1 => {
                    // A new row out of two.
                    let other = &there[rng.below(there.len() as u64) as usize];
                    let row: Row =
                        there[at].iter().zip(other).map(|(a, b)| if rng.chance(0.5) { a } else { b }.clone()).collect();
                    note(&row, 1, split);
                    there.push(row);
                }
                _ => {
                    let column = rng.below(columns.len() as u64) as usize;
                    let cell = there[rng.below(there.len() as u64) as usize][column].clone();
                    note(&there[at], -1, split);
                    there[at][column] = cell;
                    note(&there[at], 1, rng.below(splits as u64));
                }
            }
        }
        epochs.push(epoch);
    }
    let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    Table { name: name.to_owned(), columns, append_only: false, splits, epochs }
}
