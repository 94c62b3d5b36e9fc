//! `sloth demo`: the examples, built into the binary.

use sloth_connectors::kafka::ensure_topic;

use crate::args::{Demo, Double11};
use crate::run::{Screen, Shown, Text, start};
use crate::signal::Interrupts;

const SOURCE_EMBEDDED: &str = include_str!("../../../examples/double11/source-embedded.sql");
const SOURCE_KAFKA: &str = include_str!("../../../examples/double11/source-kafka.sql");
const PRODUCER_KAFKA: &str = include_str!("../../../examples/double11/producer-kafka.sql");
const TILES: &str = include_str!("../../../examples/double11/tiles.sql");
const SCREEN: &str = include_str!("../../../examples/double11/screen.yaml");

/// Partitions of the demo's topic.
const PARTITIONS: i32 = 4;

/// Runs a demo until Ctrl-C.
pub(crate) fn demo(demo: &Demo) -> Shown<()> {
    match demo {
        Demo::Double11(args) => double11(args),
    }
}

fn double11(args: &Double11) -> Shown<()> {
    let options = |sql: &str| {
        let rate = format!("'rows-per-second' = '{}'", args.rate);
        let sql = sql.replace("'rows-per-second' = '50000'", &rate);
        match args.events {
            Some(n) => sql.replace(&rate, &format!("{rate},\n  'number-of-rows' = '{n}'")),
            None => sql,
        }
    };
    let mut producer = None;
    let source = match &args.kafka {
        None => {
            eprintln!("Double 11: orders come from the embedded generator, {} events/s", args.rate);
            options(SOURCE_EMBEDDED)
        }
        Some(kafka) => {
            eprintln!("Double 11: orders go through Kafka at {kafka}, topic 'orders', {} events/s", args.rate);
            ensure_topic(kafka, "orders", PARTITIONS).map_err(|e| format!("error: {e}"))?;
            let sql = options(PRODUCER_KAFKA).replace("${KAFKA}", kafka);
            let text = Text::embedded("producer-kafka.sql", sql, Some(1));
            producer = start(&text, None, &Screen::Automatic)?.map(|running| (running, text));
            SOURCE_KAFKA.replace("${KAFKA}", kafka)
        }
    };
    let text = Text::embedded("double11.sql", format!("{source}\n{TILES}"), args.parallelism);
    let Some(running) = start(&text, Some(args.http), &Screen::Embedded(SCREEN))? else { return Ok(()) };
    if let Some(server) = &running.server {
        eprintln!("The big screen: http://{}\nCtrl-C ends the demo.", server.addr);
    }
    let result = running.finish(&Interrupts::listen()).map_err(|e| text.show(&e));
    if let Some((running, text)) = producer {
        running.stopper().stop();
        running.wait(&text)?;
    }
    result
}
