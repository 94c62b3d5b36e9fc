"""Measurements of what checkpoints cost, and of how soon a job goes on when its process has died."""

import os
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path

from live import Running, quantile, start_kafka, stop_kafka

KILLS = 15
EVERY_SECOND = "SET 'execution.checkpointing.interval' = '1 s';\n"

# A small job that keeps something, from a topic to a topic in transactions.
JOB = (
    EVERY_SECOND
    + """
CREATE TABLE numbers (n BIGINT, k BIGINT) WITH ('connector' = 'kafka', 'topic' = 'numbers',
  'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE sums (k BIGINT, n BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka',
  'topic' = 'sums', 'properties.bootstrap.servers' = '${KAFKA}', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO sums SELECT k, MAX(n), SUM(n) FROM numbers GROUP BY k;
"""
)
NUMBERS = """
CREATE TABLE made (n BIGINT, k BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '5000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000000000', 'fields.k.min' = '1', 'fields.k.max' = '50');
CREATE TABLE numbers (n BIGINT, k BIGINT) WITH ('connector' = 'kafka', 'topic' = 'numbers',
  'properties.bootstrap.servers' = '${KAFKA}', 'format' = 'json');
INSERT INTO numbers SELECT n, k FROM made;
"""
SUMS = """
CREATE TABLE sums (k BIGINT, n BIGINT, total BIGINT) WITH ('connector' = 'kafka', 'topic' = 'sums', 'format' = 'json',
  'properties.bootstrap.servers' = '${KAFKA}', 'scan.startup.mode' = 'latest-offset',
  'properties.isolation.level' = 'read_committed');
CREATE TABLE shown (n BIGINT) WITH ('connector' = 'print');
INSERT INTO shown SELECT n FROM sums;
"""


class Watch:
    """When rows appear on the standard output of a process."""

    def __init__(self, process):
        self.seen = []
        threading.Thread(target=self.read, args=[process.stdout], daemon=True).start()

    def read(self, lines):
        for _ in lines:
            self.seen.append(time.monotonic())

    def silence_after(self, moment):
        """Milliseconds from `moment` to the end of the longest silence since: what was on its way comes at once."""
        after = [moment] + [at for at in self.seen if at > moment]
        _, end = max((later - before, later) for before, later in zip(after, after[1:]))
        return (end - moment) * 1000


def bench_recovery(options, _):
    """SIGKILL of a small job from Kafka to Kafka -> the same command again -> its next row is seen by a reader of what is committed."""

    def again(job, running):
        running.process.kill()
        return job()

    lines = ["### Recovery", "", "Kafka to Kafka in transactions, SIGKILL and the same command again"]
    return kills(options, lines, "recovery", [], again)


def bench_standby(options, _):
    """The same, with a process that stands by."""
    waiting = []

    def takes_over(job, running):
        running.process.kill()
        return waiting.pop()

    def stands_by(job):
        waiting.append(job())
        # Warm, as one that stands by for long is.
        time.sleep(4)
        return waiting

    lines = ["### Standby", "", "Kafka to Kafka in transactions, SIGKILL while another process stands by"]
    return kills(options, lines, "standby", ["--standby"], takes_over, stands_by)


def kills(options, lines, name, arguments, follow, before=lambda job: []):
    """Kills a job again and again; `follow` kills it and gives the process that goes on."""
    kafka, processes = start_kafka(options, "numbers", "sums"), []
    state = Path(options.cache) / f"{name}-state"
    shutil.rmtree(state, ignore_errors=True)
    script = lambda text: text.replace("${KAFKA}", kafka)
    job = lambda: Running(options, script(JOB), f"{name}-job", "--state", str(state), *arguments, stderr=subprocess.DEVNULL)
    times = []
    try:
        processes.append(Running(options, script(NUMBERS), f"{name}-numbers", "--parallelism", "1"))
        reader = Running(options, script(SUMS), f"{name}-watch", "--parallelism", "1", stdout=subprocess.PIPE)
        processes.append(reader)
        watch = Watch(reader.process)
        running = job()
        time.sleep(options.warm / 2)
        for kill in range(KILLS):
            waiting = before(job)
            # Anywhere between two checkpoints.
            time.sleep(2 + kill * 0.37 % 1)
            killed = time.monotonic()
            processes += waiting
            running = follow(job, running)
            time.sleep(2.5)
            times.append(watch.silence_after(killed))
        processes.append(running)
        lines[-1] += f": milliseconds until a reader of what is\ncommitted sees the next row. {KILLS} kills."
        lines += ["", "| least | median | 90 % | most |", "|---:|---:|---:|---:|"]
        most = max(times)
        lines.append(f"| {min(times):.0f} | {quantile(times, 0.5):.0f} | {quantile(times, 0.9):.0f} | {most:.0f} |")
        print(lines[-1], flush=True)
    finally:
        for one in {one.pid: one for one in processes}.values():
            if one.process.poll() is None:
                one.stop()
        stop_kafka(options)
        shutil.rmtree(state, ignore_errors=True)
    return "\n".join(lines) + "\n"


def measured(command):
    """Runs a command; its time and processor time, in seconds."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)}: {said.decode()[-2000:]}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime


def bench_checkpoints(options, queries):
    """The same queries over the same file with checkpoints every second and without, in turns."""
    lines = [
        f"### Checkpoints every second, {options.events / 1e6:g} M events from a file of JSON lines",
        "",
        f"Medians of {options.rounds} runs each, in turns. A run ends with a checkpoint that it waits for. On / off: less is better.",
        "",
        "| query | off: s | on: s | on / off | off: CPU s | on: CPU s | on / off |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    state = Path(options.cache) / "checkpoints-state"
    for name, sql in queries.items():
        path = Path(options.cache) / f"checkpoints-{name}.sql"
        path.write_text(EVERY_SECOND + sql)
        times = {"off": [], "on": []}
        ways = [("off", []), ("on", ["--state", str(state)])]
        for turn in range(options.rounds):
            # Neither always comes first: a run finds the memory warm that the last one has left.
            for way, arguments in ways if turn % 2 else reversed(ways):
                shutil.rmtree(state, ignore_errors=True)
                # What the last run has left to the disk is not this one's to wait for.
                os.sync()
                times[way].append(measured([options.sloth, "run", str(path), *arguments]))
        cells = []
        for figure in (0, 1):
            off, on = (statistics.median(run[figure] for run in times[way]) for way in ("off", "on"))
            cells += [f"{off:.2f}", f"{on:.2f}", f"{on / off:.3f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    shutil.rmtree(state, ignore_errors=True)
    return "\n".join(lines) + "\n"


# Bids that go on when those of the file have been read.
LATE_BIDS = """
CREATE TABLE late (auction BIGINT, bidder BIGINT, price BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000',
  'fields.auction.min' = '1000', 'fields.auction.max' = '100000', 'fields.bidder.min' = '1', 'fields.price.min' = '1');
CREATE TABLE found (auction BIGINT, bidder BIGINT, price BIGINT, item STRING) WITH ('connector' = 'print');
CREATE TABLE kept (auction BIGINT, bidder BIGINT, item STRING) WITH ('connector' = 'blackhole');
INSERT INTO found SELECT l.auction, l.bidder, l.price, a.itemName FROM late AS l JOIN auction AS a ON a.id = l.auction;
INSERT INTO kept SELECT b.auction, b.bidder, a.itemName FROM
  (SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM bid) AS b
  JOIN auction AS a ON a.id = b.auction AND b.url <> a.extra AND b.extra <> a.description AND b.channel <> a.itemName;
"""


def size_of(path):
    """Bytes of a file, which may be gone by now."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def bench_restore(options, sql):
    """SIGKILL of a job with much state -> the same command again -> its next row."""
    path, state = Path(options.cache) / "restore.sql", Path(options.cache) / "restore-state"
    path.write_text(EVERY_SECOND + sql + LATE_BIDS)
    shutil.rmtree(state, ignore_errors=True)
    command = [options.sloth, "run", str(path), "--state", str(state)]
    start = lambda: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    size = lambda: sum(size_of(file) for file in (state / "state").rglob("*"))
    times, running = [], start()
    try:
        Watch(running)
        grown = -1
        while grown < size() * 0.99:
            grown = size()
            time.sleep(5)
        for _ in range(options.rounds):
            running.kill()
            running.wait()
            begun = time.monotonic()
            running = start()
            running.stdout.readline()
            times.append(time.monotonic() - begun)
            Watch(running)
            time.sleep(4)
    finally:
        running.kill()
        running.wait()
    lines = [
        "### Restore",
        "",
        f"A join whose state has {grown / 1e9:.2f} GB of files, {options.rounds} times SIGKILL and the same command again: seconds to",
        "the first new row on the terminal.",
        "",
        "| least | median | most |",
        "|---:|---:|---:|",
        f"| {min(times):.2f} | {statistics.median(times):.2f} | {max(times):.2f} |",
    ]
    print(lines[-1], flush=True)
    shutil.rmtree(state, ignore_errors=True)
    return "\n".join(lines) + "\n"
