"""Measures Sloth against DataFusion, DuckDB and Flink: same data, same run, taking turns. Started by scripts/bench.

Each side is a process that answers requests; sides take turns (A B C, A B C, …) so that a noisy neighbour hits all of
them, and the medians count. A ratio above 1 means that Sloth is faster (or needs less processor time).
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import failures
from live import bench_durable, bench_idle, bench_latency
from peers import state
from peers.flink import Flink

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NEXMARK = ROOT / "examples/nexmark"

GROUPS = {"window": [], "category": ["category"], "user": ["user_id"]}


class Side:
    """A process that answers requests."""

    def __init__(self, name, command, **options):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has ended")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{self.name}: {reply['error']}")
        return reply

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def streaming_sql(connector, group, amount="amount", sink="tally"):
    """The mission's query as Flink SQL."""
    keys = GROUPS[group]
    types = {"category": "category STRING,", "user_id": "user_id BIGINT,"}
    total = "DOUBLE" if amount == "amount_double" else "DECIMAL(38, 2)"
    double = "amount_double DOUBLE," if connector.startswith("'connector' = 'memory'") else ""
    return f"""
CREATE TABLE orders (
  order_id BIGINT, category STRING, user_id BIGINT, amount DECIMAL(10, 2),
  {double}
  event_time TIMESTAMP(3),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ({connector});
CREATE TABLE results (window_start TIMESTAMP(3), {' '.join(types[k] for k in keys)} total {total})
  WITH ('connector' = '{sink}');
INSERT INTO results
SELECT TUMBLE_START(event_time, INTERVAL '5' MINUTE) AS window_start, {''.join(k + ', ' for k in keys)}SUM({amount}) AS total
FROM orders GROUP BY TUMBLE(event_time, INTERVAL '5' MINUTE){''.join(', ' + k for k in keys)};
"""


def batch_sql(group, amount, window):
    keys = "".join(k + ", " for k in GROUPS[group])
    return (
        f"SELECT {window} AS window_start, {keys}sum({amount}) AS total FROM orders "
        f"GROUP BY {', '.join(['1'] + [str(i + 2) for i in range(len(GROUPS[group]))])}"
    )


DATAFUSION_WINDOW = "date_bin(interval '5 minutes', event_time)"
DUCKDB_WINDOW = "time_bucket(INTERVAL '5 minutes', event_time)"


def take_turns(runs, rounds, warm=1):
    """Runs each side in turn; returns the replies of each without the warm-up rounds."""
    replies = {name: [] for name in runs}
    for turn in range(warm + rounds):
        for name, run in runs.items():
            reply = run()
            if turn >= warm:
                replies[name].append(reply)
    return replies


def check_equal(what, replies):
    late = [r.get("late", 0) + r.get("bad", 0) for r in replies.get("sloth", [])]
    if any(late):
        raise SystemExit(f"{what}: rows were late or bad: {late}")
    answers = {name: (r[0]["rows"], round(r[0]["sum"])) for name, r in replies.items() if "rows" in r[0]}
    if len(set(answers.values())) > 1:
        raise SystemExit(f"{what}: the answers differ: {answers}")


def median(replies, key):
    return statistics.median(r[key] for r in replies)


class Table:
    """Rows of figures, printed as Markdown."""

    def __init__(self, title):
        self.lines = [
            f"### {title}",
            "",
            "| what | side | M rows/s | wall s | CPU s | memory MB | Sloth's speed | Sloth's CPU gain |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]

    def add(self, what, rows, replies):
        ours = replies["sloth"]
        for name, theirs in replies.items():
            wall, cpu, memory = (median(theirs, k) for k in ("wall", "cpu", "memory"))
            faster, leaner = wall / median(ours, "wall"), cpu / max(median(ours, "cpu"), 0.01)
            ratios = "" if name == "sloth" else f"{faster:.2f} × | {leaner:.2f} ×"
            line = f"| {what} | {name} | {rows / wall / 1e6:.2f} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratios or ' | '} |"
            self.lines.append(line)
            print(line, flush=True)
            what = ""

    def __str__(self):
        return "\n".join(self.lines) + "\n"


def bench_memory(options, files):
    table = Table(f"From memory, {options.rows / 1e6:g} M orders")
    parquet = str(files["parquet"])
    sloth = Side("sloth", [options.bin, "sloth", parquet])
    peers = {"datafusion": Side("datafusion", [options.bin, "datafusion", parquet])}
    if not options.no_duckdb:
        peers["duckdb"] = Side("duckdb", [options.python, str(HERE / "peers/duck.py"), parquet])
    for group in GROUPS:
        for amount in ("amount_double", "amount"):
            ours = streaming_sql("'connector' = 'memory', 'name' = 'orders'", group, amount)
            runs = {"sloth": lambda: sloth.ask(run=ours)}
            for name, side in peers.items():
                window = DATAFUSION_WINDOW if name == "datafusion" else DUCKDB_WINDOW
                sql = batch_sql(group, amount, window)
                runs[name] = lambda side=side, sql=sql: side.ask(run=sql)
            replies = take_turns(runs, options.rounds)
            kind = "DOUBLE" if amount == "amount_double" else "DECIMAL"
            check_equal(f"memory, {group}, {kind}", replies)
            table.add(f"by {group}, {kind}", options.rows, replies)
    for side in [sloth, *peers.values()]:
        side.close()
    return table


def bench_files(options, files):
    table = Table(f"From files, {options.rows / 1e6:g} M orders")
    for kind in ("csv", "json", "parquet"):
        path = str(files[kind])
        sloth = Side("sloth", [options.bin, "sloth"])
        peers = {"datafusion": Side("datafusion", [options.bin, "datafusion"])}
        if not options.no_duckdb:
            peers["duckdb"] = Side("duckdb", [options.python, str(HERE / "peers/duck.py")])
        for side in peers.values():
            side.ask(table="orders", format=kind, path=path)
        for group in GROUPS:
            ours = streaming_sql(f"'connector' = 'filesystem', 'path' = '{path}', 'format' = '{kind}'", group)
            runs = {"sloth": lambda: sloth.ask(run=ours)}
            for name, side in peers.items():
                window = DATAFUSION_WINDOW if name == "datafusion" else DUCKDB_WINDOW
                sql = batch_sql(group, "amount", window)
                runs[name] = lambda side=side, sql=sql: side.ask(run=sql)
            replies = take_turns(runs, options.rounds)
            check_equal(f"{kind}, {group}", replies)
            table.add(f"{kind}, by {group}", options.rows, replies)
        for side in [sloth, *peers.values()]:
            side.close()
    return table


def job_alone(reply):
    """The time of a job without its planning: Flink's cluster reports no other."""
    return {**reply, "wall": reply["wall"] - reply["planning"]}


def bench_flink(options, files):
    """The mission's query on a real Flink: it is far slower, so it gets fewer rows and one round less."""
    table = Table(f"Flink, {options.flink_rows / 1e6:g} M orders")
    sloth = Side("sloth", [options.bin, "sloth"])
    flink = Flink(options.cache, options.python, os.cpu_count())
    files = generate(options, options.flink_rows)
    try:
        for kind in ("csv", "json", "parquet"):
            for group in GROUPS:
                connector = f"'connector' = 'filesystem', 'path' = '{files[kind]}', 'format' = '{kind}'"
                sql = streaming_sql(connector, group, sink="blackhole")
                runs = {"sloth": lambda: job_alone(sloth.ask(run=sql)), "flink": lambda: flink.ask(run=sql)}
                replies = take_turns(runs, options.rounds)
                check_equal(f"flink, {kind}, {group}", replies)
                table.add(f"{kind}, by {group}", options.flink_rows, replies)
    finally:
        flink.close()
    sloth.close()
    return table


QUERIES = ("q0", "q1", "q2", "q11", "q14", "q22", "q5_inner", "q7_inner")
# Joins, ranking and results that change.
STATEFUL = ("q3", "q4", "q9", "q15", "q16", "q17", "q18", "q19", "q20", "q23")
UPDATING = ("q3", "q4", "q5", "q7", "q8", "q9", "q15", "q16", "q17", "q18", "q19", "q20", "q23")


def script(*names, **variables):
    text = "\n".join((NEXMARK / f"{name}.sql").read_text() for name in names)
    for name, value in variables.items():
        text = text.replace("${" + name + "}", str(value))
    return text


CSV_BIDS = """
CREATE TABLE bid (
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv');
"""


def generate_nexmark(options, sloth):
    """Events as JSON lines and their bids as CSV, from Sloth's own generator, made once."""
    folder = Path(options.cache) / f"nexmark-{options.events}"
    files = {"json": folder / "events.json", "csv": folder / "bids.csv"}
    folder.mkdir(parents=True, exist_ok=True)
    # One split keeps the order of the events.
    ddl = script("ddl", EVENTS=options.events).replace("'connector'        = 'nexmark',", "'connector' = 'nexmark', 'scan.parallelism' = '1',")
    columns = ddl[ddl.index("(", ddl.index("CREATE TABLE")) + 1 : ddl.index("  `dateTime` AS CASE")].rstrip().rstrip(",")
    bids = CSV_BIDS[CSV_BIDS.index("auction") : CSV_BIDS.index(",\n  WATERMARK")]
    targets = {
        "json": (columns, "SELECT event_type, person, auction, bid FROM nexmark", ddl),
        "csv": (bids, "SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM bid", ddl + script("views")),
    }
    for kind, (columns, query, source) in targets.items():
        if files[kind].exists():
            continue
        write_file(
            sloth, files[kind], kind, f"{source}\nCREATE TABLE target ({columns}\n) WITH (<target>);\nINSERT INTO target {query};"
        )
    return files


def bench_nexmark(options, _):
    return bench_queries(options, "Nexmark from files", ("json", "csv"), QUERIES)


def bench_updating(options, _):
    return bench_queries(options, "Nexmark's updating queries from files", ("json",), UPDATING)


def bench_queries(options, title, kinds, queries):
    table = Table(f"{title}, {options.events / 1e6:g} M events")
    sloth = Side("sloth", [options.bin, "sloth"])
    files = generate_nexmark(options, sloth)
    flink = None if options.no_flink else Flink(options.cache, options.python, os.cpu_count())
    try:
        for kind in kinds:
            for query in queries:
                if kind == "json":
                    sql = script("ddl-file", "views", query, NEXMARK_FILE=files["json"], SINK="blackhole")
                else:
                    sql = CSV_BIDS.format(path=files["csv"]) + script(query, SINK="blackhole")
                runs = {"sloth": lambda: job_alone(sloth.ask(run=sql))}
                if flink:
                    runs["flink"] = lambda: flink.ask(run=sql)
                try:
                    replies = take_turns(runs, options.rounds)
                    check_equal(f"nexmark, {kind}, {query}", replies)
                    table.add(f"{kind}, {query}", options.events, replies)
                except RuntimeError as error:
                    print(f"{kind}, {query}: {str(error)[:400]}", flush=True)
                    table.lines.append(f"| {kind}, {query} | refused | | | | | | |")
    finally:
        if flink:
            flink.close()
    sloth.close()
    return table


def bench_state(options, _):
    """Bytes of state a row, when all events are read: Sloth's own count against Flink's heap."""
    lines = [f"### State, {options.events / 1e6:g} M events", "", "| query | rows kept | Sloth bytes a row | Flink bytes a row | Flink / Sloth |"]
    lines.append("|---|---:|---:|---:|---:|")
    sloth = Side("sloth", [options.bin, "sloth"])
    files = generate_nexmark(options, sloth)
    flink = Flink(options.cache, options.python, os.cpu_count())
    try:
        for query in STATEFUL:
            sql = script("ddl-file", "views", query, NEXMARK_FILE=files["json"], SINK="blackhole")
            reply = sloth.ask(run=sql)
            endless = sql.replace("'format'    = 'json'", "'format' = 'json', 'source.monitor-interval' = '1 h'")
            theirs = state.of_flink(flink, endless, options.events)
            rows, ours = reply["state_rows"], reply["state_bytes"]
            lines.append(f"| {query} | {rows:,} | {ours / rows:.0f} | {theirs / rows:.0f} | {theirs / ours:.1f} |")
            print(lines[-1], flush=True)
    finally:
        flink.close()
    sloth.close()
    return "\n".join(lines) + "\n"


def bench_checkpoints(options, _):
    """What checkpoints cost."""
    sloth = Side("sloth", [options.bin, "sloth"])
    files = generate_nexmark(options, sloth)
    sloth.close()
    of = lambda query: script("ddl-file", "views", query, NEXMARK_FILE=files["json"], SINK="blackhole")
    return failures.bench_checkpoints(options, {query: of(query) for query in ("q5", "q8", "q20")})


def bench_restore(options, _):
    """How soon a job with much state goes on."""
    sloth = Side("sloth", [options.bin, "sloth"])
    files = generate_nexmark(options, sloth)
    sloth.close()
    # The job goes on when the file has been read.
    source = script("ddl-file", "views", NEXMARK_FILE=files["json"])
    return failures.bench_restore(options, source.replace("'format'    = 'json'", "'format' = 'json', 'source.monitor-interval' = '1 h'"))


def bench_generator(options, _):
    """Events per second of our own generator, when a query needs few or all columns."""
    queries = {
        "COUNT(*): no columns": "SELECT COUNT(*) FROM nexmark",
        "two columns of bids": "SELECT MAX(price) FROM bid",
        "all columns of bids": None,
    }
    lines = ["### Nexmark generator", "", "| columns asked for | M events/s | per CPU-second |", "|---|---:|---:|"]
    sloth = Side("sloth", [options.bin, "sloth"])
    for what, query in queries.items():
        if query:
            sink = f"CREATE TABLE s (x BIGINT) WITH ('connector' = 'tally');\nINSERT INTO s {query};"
        else:
            sink = script("q0", SINK="tally").replace("price, `dateTime`, extra", "price, `dateTime`, extra")
        sql = script("ddl", "views", EVENTS=options.events) + sink
        replies = take_turns({"sloth": lambda: sloth.ask(run=sql)}, options.rounds)["sloth"]
        wall, cpu = median(replies, "wall"), median(replies, "cpu")
        lines.append(f"| {what} | {options.events / wall / 1e6:.1f} | {options.events / cpu / 1e6:.1f} |")
        print(lines[-1], flush=True)
    sloth.close()
    return "\n".join(lines) + "\n"


def bench_decode(options, files):
    lines = ["### JSON decoding, one thread, same bytes", "", "| what | Sloth M rows/s | arrow-json M rows/s | Sloth / arrow-json time |", "|---|---:|---:|---:|"]
    out = subprocess.run([options.bin, "decode", str(files["json"])], check=True, capture_output=True, text=True).stdout
    for line in map(json.loads, out.splitlines()):
        rows, ours, bare = line["rows"], line["sloth"], line["arrow"]
        lines.append(f"| {line['what']} | {rows / ours / 1e6:.2f} | {rows / bare / 1e6:.2f} | {ours / bare:.2f} |")
    print("\n".join(lines[4:]), flush=True)
    return "\n".join(lines) + "\n"


TPCH_COLUMNS = {
    "part": "p_partkey BIGINT, p_name STRING, p_mfgr STRING, p_brand STRING, p_type STRING, p_size INT, p_container STRING, p_retailprice DECIMAL(15, 2), p_comment STRING",
    "supplier": "s_suppkey BIGINT, s_name STRING, s_address STRING, s_nationkey BIGINT, s_phone STRING, s_acctbal DECIMAL(15, 2), s_comment STRING",
    "partsupp": "ps_partkey BIGINT, ps_suppkey BIGINT, ps_availqty INT, ps_supplycost DECIMAL(15, 2), ps_comment STRING",
    "customer": "c_custkey BIGINT, c_name STRING, c_address STRING, c_nationkey BIGINT, c_phone STRING, c_acctbal DECIMAL(15, 2), c_mktsegment STRING, c_comment STRING",
    "orders": "o_orderkey BIGINT, o_custkey BIGINT, o_orderstatus STRING, o_totalprice DECIMAL(15, 2), o_orderdate DATE, o_orderpriority STRING, o_clerk STRING, o_shippriority INT, o_comment STRING",
    "lineitem": "l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INT, l_quantity DECIMAL(15, 2), l_extendedprice DECIMAL(15, 2), l_discount DECIMAL(15, 2), l_tax DECIMAL(15, 2), l_returnflag STRING, l_linestatus STRING, l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct STRING, l_shipmode STRING, l_comment STRING",
    "nation": "n_nationkey BIGINT, n_name STRING, n_regionkey BIGINT, n_comment STRING",
    "region": "r_regionkey BIGINT, r_name STRING, r_comment STRING",
}


def bench_tpch(options, _):
    """TPC-H over bounded input: the streaming engine against a batch engine, same Parquet files."""
    table = Table(f"TPC-H at scale {options.tpch_scale:g}, against DataFusion's batch")
    folder = Path(options.cache) / f"tpch-{options.tpch_scale:g}"
    if not (folder / "complete").exists():
        subprocess.run([options.bin, "tpch", str(options.tpch_scale), str(folder)], check=True)
        (folder / "complete").touch()
    sloth = Side("sloth", [options.bin, "sloth"])
    datafusion = Side("datafusion", [options.bin, "datafusion"])
    tables = ""
    for name, columns in TPCH_COLUMNS.items():
        path = folder / f"{name}.parquet"
        datafusion.ask(table=name, format="parquet", path=str(path))
        tables += f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'parquet');\n"
    totals = {"sloth": 0.0, "datafusion": 0.0}
    for number in range(1, 23):
        query = (ROOT / f"tests/tpch/q{number}.sql").read_text()
        ours = f"SET 'execution.runtime-mode' = 'batch';\n{tables}CREATE TABLE results WITH ('connector' = 'tally') AS {query}"
        runs = {"sloth": lambda: sloth.ask(run=ours), "datafusion": lambda: datafusion.ask(run=query)}
        try:
            replies = take_turns(runs, options.rounds)
        except RuntimeError as error:
            print(f"q{number}: {str(error)[:400]}", flush=True)
            table.lines.append(f"| q{number} | refused | | | | | | |")
            continue
        rows = {name: r[0]["rows"] for name, r in replies.items()}
        if len(set(rows.values())) > 1:
            print(f"q{number}: the answers differ: {rows}", flush=True)
        table.add(f"q{number}", replies["sloth"][0]["read"], replies)
        for name in totals:
            totals[name] += median(replies[name], "cpu")
    for side in (sloth, datafusion):
        side.close()
    table.lines.append(f"\nAll queries: {totals['sloth']:.1f} CPU s, DataFusion {totals['datafusion']:.1f} CPU s.")
    return table


def bench_curve(options, _):
    """What a change costs as state grows."""
    sizes = ["100000", "1000000"] + (["10000000"] if options.events > 500_000 else [])
    lines = ["### Cost of a change as state grows", "", "| what | rows in state | CPU ns a change | bytes a row |", "|---|---:|---:|---:|"]
    out = subprocess.run([options.bin, "curve", *sizes], check=True, capture_output=True, text=True).stdout
    for line in map(json.loads, out.splitlines()):
        lines.append(f"| {line['what']} | {line['rows']:,} | {line['ns']:.0f} | {line['bytes']:.0f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def write_file(sloth, path, kind, sql):
    """Lets Sloth's own sink write one file, in what Flink's formats read; `<target>` stands for the sink's options."""
    parts = path.with_suffix(".parts")
    target = f"'connector' = 'filesystem', 'path' = '{parts}', 'format' = '{kind}', 'sink.rolling-policy.file-size' = '100 gb'"
    sloth.ask(run="SET 'parallelism.default' = '1';\n" + sql.replace("<target>", target))
    (part,) = parts.iterdir()
    part.rename(path)
    parts.rmdir()


def generate(options, rows):
    """The orders as Parquet, CSV and JSON lines, made once."""
    folder = Path(options.cache) / f"orders-{rows}"
    files = {kind: folder / f"orders.{kind}" for kind in ("parquet", "csv", "json")}
    folder.mkdir(parents=True, exist_ok=True)
    if not files["parquet"].exists():
        fresh = folder / "fresh.parquet"
        subprocess.run([options.bin, "generate", str(rows), str(fresh)], check=True)
        fresh.rename(files["parquet"])
    sloth = None
    columns = "order_id BIGINT, category STRING, user_id BIGINT, amount DECIMAL(10, 2), event_time TIMESTAMP(3)"
    for kind in ("csv", "json"):
        if files[kind].exists():
            continue
        sloth = sloth or Side("sloth", [options.bin, "sloth"])
        # One lane keeps the order of the rows.
        source = f"'connector' = 'filesystem', 'path' = '{files['parquet']}', 'format' = 'parquet', 'scan.parallelism' = '1'"
        write_file(
            sloth,
            files[kind],
            kind,
            f"CREATE TABLE source ({columns}) WITH ({source});\nCREATE TABLE target ({columns}) WITH (<target>);\n"
            "INSERT INTO target SELECT * FROM source;",
        )
    if sloth:
        sloth.close()
    return files


BENCHES = {
    "memory": bench_memory,
    "files": bench_files,
    "decode": bench_decode,
    "flink": bench_flink,
    "nexmark": bench_nexmark,
    "updating": bench_updating,
    "state": bench_state,
    "generator": bench_generator,
    "tpch": bench_tpch,
    "curve": bench_curve,
    "latency": bench_latency,
    "durable": bench_durable,
    "checkpoints": bench_checkpoints,
    "recovery": failures.bench_recovery,
    "standby": failures.bench_standby,
    "restore": bench_restore,
    "idle": bench_idle,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="the sloth-bench binary")
    parser.add_argument("--sloth", help="the sloth binary")
    parser.add_argument("--cache", required=True, help="folder for generated data")
    parser.add_argument("--python", default=sys.executable, help="a Python with duckdb")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--flink-rows", type=int, default=2_000_000)
    parser.add_argument("--tpch-scale", type=float, default=0.02, help="TPC-H's scale factor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=200_000, help="events per second of the latency runs")
    parser.add_argument("--warm", type=float, default=20, help="seconds before a latency run through Kafka counts")
    parser.add_argument("--seconds", type=float, default=20, help="length of a latency run")
    for peer in ("duckdb", "flink", "kafka"):
        parser.add_argument(f"--no-{peer}", action="store_true")
    parser.add_argument("only", nargs="*", help=f"of {', '.join(BENCHES)}; all when empty")
    options = parser.parse_args()
    # A terminated run stops the servers it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    files = generate(options, options.rows)
    tables = [bench(options, files) for name, bench in BENCHES.items() if not options.only or name in options.only]
    print("\n".join(["", f"{os.cpu_count()} cores", "", *map(str, tables)]))


main()
