//! Feeds a screen with made-up Double 11 sales through the real sink interface, without an engine:
//! `cargo run -p sloth-server --example feed -- [ADDRESS] [SCREEN.yaml]`. For work on the page and for its browser test.

#[path = "feed/orders.rs"]
mod orders;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::TimestampMillisecondArray;
use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sloth_server::{ScreenHub, ScreenSpec, Server, ServerConfig};
use sloth_types::metrics::{JobFigures, SinkFigures, SourceFigures};
use sloth_types::{
    ChangeBatch, ChangelogMode, Clock, Connector, Epoch, EpochListener, OpenSink, Options, Result, SinkWriter,
    TableSpec,
};

use orders::Shop;

/// One epoch.
const EPOCH_MS: i64 = 20;
/// The money type of the demo.
const MONEY: DataType = DataType::Decimal128(20, 2);

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let screen = args.next().unwrap_or_else(|| "examples/double11/screen.yaml".into());

    let hub = ScreenHub::new()?;
    let mut tables = Tables::open(&hub)?;
    let figures = Arc::new(figures());
    let server = Server::start(ServerConfig {
        addr: addr.parse().map_err(|e| sloth_types::Error::invalid(format!("address '{addr}': {e}")))?,
        screen: Some(ScreenSpec::read(Path::new(&screen), &hub.tables())?),
        hub: hub.clone(),
        figures: Arc::clone(&figures),
    })?;
    println!("http://{}", server.addr);

    let clock = Clock::System;
    let mut shop = Shop::new(clock.now_ms());
    for number in 1.. {
        let now_ms = clock.now_ms();
        let epoch = Epoch(number);
        tables.write(epoch, &mut shop, now_ms)?;
        figures.epochs.add(1);
        figures.epoch_now_ms.store(now_ms, std::sync::atomic::Ordering::Relaxed);
        hub.epoch_done(epoch, now_ms);
        std::thread::sleep(Duration::from_millis(EPOCH_MS as u64));
    }
    Ok(())
}

fn figures() -> JobFigures {
    JobFigures {
        sources: vec![SourceFigures::new("orders")],
        sinks: vec![SinkFigures::new("total_sales")],
        ..JobFigures::default()
    }
}

/// The sinks, opened as an engine opens them.
struct Tables {
    total_sales: Table,
    orders_per_second: Table,
    sales_by_category: Table,
    sales_by_province: Table,
    top_merchants: Table,
    sales_trend: Table,
    payment_success: Table,
    buyers_online: Table,
    big_orders: Table,
}

struct Table {
    schema: SchemaRef,
    writer: Box<dyn SinkWriter>,
}

impl Table {
    fn open(hub: &ScreenHub, name: &str, columns: &[(&str, DataType)], mode: ChangelogMode) -> Result<Self> {
        let fields: Vec<Field> = columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let spec = TableSpec {
            name: name.into(),
            schema: Arc::clone(&schema),
            metadata: Vec::new(),
            primary_key: Vec::new(),
            options: Options::new([("connector".into(), "screen".into())]),
            time_zone: "UTC".into(),
            partition_by: vec![],
        };
        let writer = hub.sink(&spec)?.open(OpenSink::plain(Arc::clone(&schema), mode))?;
        Ok(Table { schema, writer })
    }

    fn write(&mut self, epoch: Epoch, columns: Vec<ArrayRef>) -> Result<()> {
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.writer.write(epoch, &ChangeBatch::append(rows))
    }
}

impl Tables {
    fn open(hub: &ScreenHub) -> Result<Self> {
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        let append = || ChangelogMode::Append;
        let keyed = |key: &[usize]| ChangelogMode::Upsert { key: key.to_vec() };
        let (int, text, float) = (DataType::Int64, DataType::Utf8, DataType::Float64);
        let open = |name: &str, columns: &[(&str, DataType)], mode| Table::open(hub, name, columns, mode);
        Ok(Tables {
            total_sales: open("total_sales", &[("sales", MONEY), ("orders", int.clone())], keyed(&[]))?,
            orders_per_second: open(
                "orders_per_second",
                &[("window_start", time.clone()), ("orders", int.clone())],
                append(),
            )?,
            sales_by_category: open("sales_by_category", &[("category", text.clone()), ("sales", MONEY)], keyed(&[0]))?,
            sales_by_province: open("sales_by_province", &[("province", text.clone()), ("sales", MONEY)], keyed(&[0]))?,
            top_merchants: open(
                "top_merchants",
                &[("window_end", time.clone()), ("merchant", text.clone()), ("sales", MONEY)],
                append(),
            )?,
            sales_trend: open("sales_trend", &[("window_start", time.clone()), ("sales", MONEY)], append())?,
            payment_success: open("payment_success", &[("window_end", time.clone()), ("rate", float)], append())?,
            buyers_online: open("buyers_online", &[("window_end", time.clone()), ("buyers", int.clone())], append())?,
            big_orders: open(
                "big_orders",
                &[
                    ("created_at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
                    ("province", text.clone()),
                    ("city", text.clone()),
                    ("merchant", text.clone()),
                    ("product", text),
                    ("amount", MONEY),
                ],
                append(),
            )?,
        })
    }

    fn write(&mut self, epoch: Epoch, shop: &mut Shop, now_ms: i64) -> Result<()> {
        let sold = shop.sell(now_ms);
        self.total_sales.write(epoch, vec![money([shop.total_cents]), ints([shop.orders as i64])])?;
        let named = |values: &[(&'static str, i128)]| {
            vec![texts(values.iter().map(|v| v.0)), money(values.iter().map(|v| v.1))]
        };
        self.sales_by_category.write(epoch, named(&shop.categories))?;
        self.sales_by_province.write(epoch, named(&shop.provinces))?;
        for (second, counts) in shop.seconds_closed.drain(..) {
            self.orders_per_second.write(epoch, vec![stamps([second]), ints([counts.orders])])?;
            self.buyers_online.write(epoch, vec![stamps([second]), ints([counts.buyers])])?;
            let rate = Arc::new(Float64Array::from(vec![counts.paid as f64 / counts.orders.max(1) as f64]));
            self.payment_success.write(epoch, vec![stamps([second]), rate])?;
            if second % 5000 == 0 {
                let mut columns = vec![stamps(shop.merchants.iter().map(|_| second))];
                columns.extend(named(&shop.merchants));
                self.top_merchants.write(epoch, columns)?;
                if second % 60_000 == 0 {
                    shop.merchants.iter_mut().for_each(|m| m.1 = 0);
                }
                self.sales_trend.write(epoch, vec![stamps([second]), money([counts.cents * 5])])?;
            }
        }
        for order in &sold {
            let columns = vec![
                Arc::new(TimestampMillisecondArray::from(vec![now_ms]).with_timezone("UTC")),
                texts([order.province]),
                texts([order.city]),
                texts([order.merchant]),
                texts([order.product]),
                money([order.cents]),
            ];
            self.big_orders.write(epoch, columns)?;
        }
        self.end(epoch)
    }

    fn end(&mut self, epoch: Epoch) -> Result<()> {
        let tables = [
            &mut self.total_sales,
            &mut self.orders_per_second,
            &mut self.sales_by_category,
            &mut self.sales_by_province,
            &mut self.top_merchants,
            &mut self.sales_trend,
            &mut self.payment_success,
            &mut self.buyers_online,
            &mut self.big_orders,
        ];
        tables.into_iter().try_for_each(|t| t.writer.end_epoch(epoch))
    }
}

fn money(cents: impl IntoIterator<Item = i128>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter_values(cents).with_data_type(MONEY))
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts(values: impl IntoIterator<Item = &'static str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn stamps(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(values))
}
