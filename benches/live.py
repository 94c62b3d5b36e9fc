"""Measurements of jobs that live: how fresh the screen is, what an idle job costs, how memory grows.

Each is a `sloth run` that is looked at from outside, as a page or an operator would.
"""

import os
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from peers.events import arrivals

ROOT = Path(__file__).resolve().parent.parent
DOUBLE11 = ROOT / "examples/double11"


class Stranger:
    """A process that somebody else started and will stop."""

    def __init__(self, pid):
        self.pid = pid

    def cpu(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        pass


class Running(Stranger):
    """A `sloth run` with its page."""

    def __init__(self, options, sql, name, *arguments, **pipes):
        path = Path(options.cache) / f"{name}.sql"
        path.write_text(sql)
        command = [options.sloth, "run", str(path), *arguments]
        self.process = subprocess.Popen(command, text=True, **{"stderr": subprocess.PIPE, **pipes})
        super().__init__(self.process.pid)

    def address(self):
        for line in self.process.stderr:
            if "http://" in line:
                return line.rsplit("http://", 1)[1].strip()
        raise RuntimeError("sloth has not told where it serves")

    def stop(self):
        self.process.send_signal(2)
        self.process.wait(timeout=30)


def fast_orders(text, rate):
    """The generator at a steady rate instead of a surge."""
    text = re.sub(r"'rows-per-second' += '\d+'", f"'rows-per-second' = '{rate}'", text)
    return re.sub(r"'surge' += '\d+'", "'surge' = '1'", text)


# Where a row has been: made, given to the Kafka client, read by an epoch, in the page's event stream.
STAGES = {"embedded": ["created_at", "read_at"], "kafka": ["created_at", "sent_at", "read_at"]}
PROBE = """
CREATE TABLE probe (<columns>) WITH ('connector' = 'screen', 'screen.rows' = '500');
INSERT INTO probe SELECT <values> FROM orders WHERE event_type = 'order' AND MOD(order_id, 500) = 0;
"""


def probe(way):
    """SQL of a table that shows every 500th order or so, with its times."""
    columns = ", ".join(f"{stage} TIMESTAMP_LTZ(3)" for stage in STAGES[way])
    values = ", ".join(STAGES[way]).replace("read_at", "PROCTIME()")
    return PROBE.replace("<columns>", columns).replace("<values>", values)


def quantile(values, q):
    return sorted(values)[int(len(values) * q)] if values else float("nan")


def bench_latency(options, _):
    """Row created -> in the page's event stream, with all tiles of the demo running."""
    lines = [
        "### Live latency",
        "",
        "Milliseconds, p50 / p99. CPU: cores taken by the job (and, through Kafka, by the producer and the broker).",
        "",
        "| way | events/s | rows seen | made to sent | sent to read | read to seen | all | late rows | CPU | memory MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rate = options.rate
    tiles = (DOUBLE11 / "tiles.sql").read_text()
    ways = {"embedded": fast_orders((DOUBLE11 / "source-embedded.sql").read_text(), rate)}
    kafka, processes = None, []
    if not options.no_kafka:
        kafka = start_kafka(options, "orders")
        source = (DOUBLE11 / "source-kafka.sql").read_text().replace("${KAFKA}", kafka)
        ways["kafka"] = telling_sent(source)
    try:
        for way, source in ways.items():
            running = Running(options, source + tiles + probe(way), f"latency-{way}", "--http", "127.0.0.1:0")
            processes.append(running)
            address = running.address()
            if way == "kafka":
                sql = fast_orders((DOUBLE11 / "producer-kafka.sql").read_text(), rate).replace("${KAFKA}", kafka)
                processes.append(Running(options, sql, "latency-producer", "--parallelism", "1"))
                processes.append(Stranger(int((Path(options.cache) / "kafka/pid").read_text())))
            # A broker's Java machine compiles itself for a while.
            time.sleep(options.warm if way == "kafka" else 0)
            begun, used = time.monotonic(), [one.cpu() for one in processes]
            found = arrivals(address, "probe", STAGES[way], options.seconds)
            passed = time.monotonic() - begun
            cores = " + ".join(f"{(one.cpu() - before) / passed:.2f}" for one, before in zip(processes, used))
            memory = " + ".join(f"{one.memory():.0f}" for one in processes)
            read, late = rows_per_second(address), source_figure(address, "late_rows")
            while processes:
                processes.pop().stop()
            lines.append(f"| {way} | {read:.0f} | {len(found)} | {stages(way, found)} | {late:.0f} | {cores} | {memory} |")
            print(lines[-1], flush=True)
    finally:
        for one in reversed(processes):
            one.stop()
        if kafka:
            stop_kafka(options)
    return "\n".join(lines) + "\n"


def telling_sent(source):
    """The orders of a topic, which also tell when each was given to the Kafka client."""
    return source.replace("  created_at TIMESTAMP_LTZ(3),\n", "  created_at TIMESTAMP_LTZ(3),\n" + SENT)


def start_kafka(options, *topics):
    """A broker with these topics, of four partitions each; gives its address."""
    script, place = str(ROOT / "scripts/kafka"), ["--dir", f"{options.cache}/kafka"]
    started = subprocess.run([script, "start", "--port", "0", *place], check=True, capture_output=True, text=True)
    for topic in topics:
        subprocess.run([script, "topic", topic, "4", *place], check=True)
    return started.stdout.strip()


def stop_kafka(options):
    subprocess.run([str(ROOT / "scripts/kafka"), "stop", "--dir", f"{options.cache}/kafka"], check=True)


# A job that copies every row in transactions, and one that sees what is committed. A row tells when it was made, given to the
# Kafka client for the first topic and for the second, and read by an epoch of the reader.
DURABLE = ["created_at", "sent_at", "written_at", "read_at"]
DURABLE_SPANS = [(0, 1), (1, 2), (2, 3), (3, 4), (1, 3), (0, 4)]
SENT = "  sent_at    TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',\n"
COPY = """
CREATE TABLE copied (order_id BIGINT, event_type STRING, buyer_id BIGINT, amount DECIMAL(12, 2), created_at TIMESTAMP_LTZ(3),
  sent_at TIMESTAMP_LTZ(3))
WITH ('connector' = 'kafka', 'topic' = 'copied', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'copied');
INSERT INTO copied SELECT order_id, event_type, buyer_id, amount, created_at, sent_at FROM orders;
"""
OBSERVE = """
CREATE TABLE copied (order_id BIGINT, created_at TIMESTAMP_LTZ(3), sent_at TIMESTAMP_LTZ(3),
  written_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp')
WITH ('connector' = 'kafka', 'topic' = 'copied', 'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json',
  'scan.startup.mode' = 'latest-offset', 'properties.isolation.level' = 'read_committed');
CREATE TABLE probe (created_at TIMESTAMP_LTZ(3), sent_at TIMESTAMP_LTZ(3), written_at TIMESTAMP_LTZ(3),
  read_at TIMESTAMP_LTZ(3))
WITH ('connector' = 'screen', 'screen.rows' = '500');
INSERT INTO probe SELECT created_at, sent_at, written_at, PROCTIME() FROM copied WHERE MOD(order_id, 500) = 0;
"""


def bench_durable(options, _):
    """Row created -> topic -> exactly-once job -> topic -> seen by a reader of what is committed."""
    rate = options.rate // 2
    kafka, processes = start_kafka(options, "orders", "copied"), []
    state = Path(options.cache) / "durable-state"
    shutil.rmtree(state, ignore_errors=True)
    script = lambda text: text.replace("${KAFKA}", kafka)
    try:
        seen = Running(options, script(OBSERVE), "durable-observe", "--http", "127.0.0.1:0", "--parallelism", "1")
        processes.append(seen)
        address = seen.address()
        source = telling_sent((DOUBLE11 / "source-kafka.sql").read_text())
        processes.append(Running(options, script(source + COPY), "durable-copy", "--state", str(state)))
        produce = fast_orders((DOUBLE11 / "producer-kafka.sql").read_text(), rate)
        processes.append(Running(options, script(produce), "durable-produce", "--parallelism", "1"))
        processes.append(Stranger(int((Path(options.cache) / "kafka/pid").read_text())))
        time.sleep(options.warm)
        begun, used = time.monotonic(), [one.cpu() for one in processes]
        found = arrivals(address, "probe", DURABLE, options.seconds)
        passed = time.monotonic() - begun
        cores = " + ".join(f"{(one.cpu() - before) / passed:.2f}" for one, before in zip(processes, used))
        lines = [
            "### Latency through transactions",
            "",
            "Kafka to Kafka, each row once. Milliseconds, p50 / p99; CPU of reader, job, producer and broker. A row is made by the",
            "generator, sent to the first topic, written to the second by the job, read there when it is committed, and seen on a page.",
            "",
            "| rows/s | rows seen | made to sent | sent to written | written to read | read to seen | sent to read | all | CPU |",
            "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
            f"| {rows_per_second(address):.0f} | {len(found)} | {spans(found, DURABLE_SPANS)} | {cores} |",
        ]
        print(lines[-1], flush=True)
    finally:
        for one in processes:
            one.stop()
        stop_kafka(options)
        shutil.rmtree(state, ignore_errors=True)
    return "\n".join(lines) + "\n"


def stages(way, found):
    """p50 / p99 of each stage of the rows found, and of the whole way."""
    if way == "embedded":
        # A row is made within the epoch that reads it.
        found = [(made, None, made, seen) for made, _, seen in found]
    return spans(found, [(0, 1), (1, 2), (2, 3), (0, 3)])


def spans(found, of):
    """p50 / p99 of the time between two of the times of each row found, for all these pairs."""
    cells = []
    for first, last in of:
        times = [row[last] - row[first] for row in found if row[first] is not None and row[last] is not None]
        cells.append(f"{quantile(times, 0.5):.0f} / {quantile(times, 0.99):.0f}" if times else "")
    return " | ".join(cells)


def source_figure(address, name):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"sloth_{name}_total"))


def rows_per_second(address, seconds=5):
    begun, before = time.monotonic(), source_figure(address, "source_rows")
    time.sleep(seconds)
    return (source_figure(address, "source_rows") - before) / (time.monotonic() - begun)


def bench_idle(options, _):
    """Processor time of a job whose source is silent, and memory of an endless windowed job over time."""
    silent = Path(options.cache) / "silent"
    silent.mkdir(exist_ok=True)
    (silent / "one.csv").write_text("1,2026-11-11 00:00:00\n")
    sql = f"""
CREATE TABLE t (x BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '{silent}',
  'format' = 'csv', 'source.monitor-interval' = '1 s');
CREATE TABLE s (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'screen');
INSERT INTO s SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;
"""
    running = Running(options, sql, "idle", "--http", "127.0.0.1:0")
    running.address()
    time.sleep(3)
    begun, used = time.monotonic(), running.cpu()
    time.sleep(options.seconds)
    idle = (running.cpu() - used) / (time.monotonic() - begun)
    running.stop()
    lines = ["### Idle and memory", "", f"Silent source: {idle * 100:.2f} % of a core.", ""]
    tiles = (DOUBLE11 / "tiles.sql").read_text()
    source = fast_orders((DOUBLE11 / "source-embedded.sql").read_text(), options.rate)
    running = Running(options, source + tiles, "memory", "--http", "127.0.0.1:0")
    running.address()
    seen = []
    for _ in range(6):
        time.sleep(options.seconds / 2)
        seen.append(f"{running.memory():.0f}")
    running.stop()
    lines.append(f"The demo at {options.rate} events/s, MB every {options.seconds / 2:g} s: {', '.join(seen)}.")
    print("\n".join(lines[2:]), flush=True)
    return "\n".join(lines) + "\n"
