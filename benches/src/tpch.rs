//! The tables of TPC-H as Parquet files, from a generator in Rust.

use std::fmt::Display;
use std::fs::{File, create_dir_all, remove_file};
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{CsvReadOptions, SessionContext};
use tpchgen::distribution::Distributions;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen::text::TextPool;

use crate::Outcome;

/// Size of the pool from which comments are cut: the standard's pool takes longer than all queries.
const POOL: i32 = 1 << 20;

/// Columns of a table; `i` is BIGINT, `n` INT, `m` money, `d` a date, `s` text.
const COLUMNS: [(&str, &str); 8] = [
    (
        "part",
        "i p_partkey, s p_name, s p_mfgr, s p_brand, s p_type, n p_size, s p_container, m p_retailprice, s p_comment",
    ),
    ("supplier", "i s_suppkey, s s_name, s s_address, i s_nationkey, s s_phone, m s_acctbal, s s_comment"),
    ("partsupp", "i ps_partkey, i ps_suppkey, n ps_availqty, m ps_supplycost, s ps_comment"),
    (
        "customer",
        "i c_custkey, s c_name, s c_address, i c_nationkey, s c_phone, m c_acctbal, s c_mktsegment, s c_comment",
    ),
    (
        "orders",
        "i o_orderkey, i o_custkey, s o_orderstatus, m o_totalprice, d o_orderdate, s o_orderpriority, s o_clerk, \
         n o_shippriority, s o_comment",
    ),
    (
        "lineitem",
        "i l_orderkey, i l_partkey, i l_suppkey, n l_linenumber, m l_quantity, m l_extendedprice, m l_discount, \
         m l_tax, s l_returnflag, s l_linestatus, d l_shipdate, d l_commitdate, d l_receiptdate, s l_shipinstruct, \
         s l_shipmode, s l_comment",
    ),
    ("nation", "i n_nationkey, s n_name, i n_regionkey, s n_comment"),
    ("region", "i r_regionkey, s r_name, s r_comment"),
];

fn schema(columns: &str) -> Schema {
    let field = |column: &str| {
        let (kind, name) = column.trim().split_once(' ').unwrap_or(("s", column));
        let data_type = match kind {
            "i" => DataType::Int64,
            "n" => DataType::Int32,
            "m" => DataType::Decimal128(15, 2),
            "d" => DataType::Date32,
            _ => DataType::Utf8,
        };
        Field::new(name, data_type, true)
    };
    Schema::new(columns.split(',').map(field).collect::<Vec<_>>())
}

/// Writes all tables at a scale into a folder.
pub(crate) fn write(scale: f64, folder: &str) -> Outcome<()> {
    let folder = Path::new(folder);
    create_dir_all(folder)?;
    let d = Distributions::static_default();
    let pool = TextPool::new(POOL, d);
    let text = |name: &str| folder.join(format!("{name}.tbl"));
    let part = PartGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let supplier = SupplierGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let partsupp = PartSuppGenerator::new_with_text_pool(scale, 1, 1, &pool);
    let customer = CustomerGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let orders = OrderGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    let lineitem = LineItemGenerator::new_with_distributions_and_text_pool(scale, 1, 1, d, &pool);
    lines(&text("part"), part.iter())?;
    lines(&text("supplier"), supplier.iter())?;
    lines(&text("partsupp"), partsupp.iter())?;
    lines(&text("customer"), customer.iter())?;
    lines(&text("orders"), orders.iter())?;
    lines(&text("lineitem"), lineitem.iter())?;
    lines(&text("nation"), NationGenerator::new_with_distributions_and_text_pool(d, &pool).iter())?;
    lines(&text("region"), RegionGenerator::new_with_distributions_and_text_pool(d, &pool).iter())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for (name, columns) in COLUMNS {
            to_parquet(folder, name, &schema(columns)).await?;
        }
        Ok(())
    })
}

fn lines<T: Display>(path: &Path, items: impl Iterator<Item = T>) -> Outcome<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for item in items {
        writeln!(out, "{}", item.to_string().trim_end_matches('|'))?;
    }
    Ok(out.flush()?)
}

async fn to_parquet(folder: &Path, name: &str, schema: &Schema) -> Outcome<()> {
    let context = SessionContext::new();
    let (from, to) = (folder.join(format!("{name}.tbl")), folder.join(format!("{name}.parquet")));
    let options = CsvReadOptions::new().has_header(false).delimiter(b'|').schema(schema).file_extension("tbl");
    let rows = context.read_csv(from.to_string_lossy().as_ref(), options).await?;
    let single = DataFrameWriteOptions::new().with_single_file_output(true);
    rows.write_parquet(to.to_string_lossy().as_ref(), single, None).await?;
    Ok(remove_file(from)?)
}
