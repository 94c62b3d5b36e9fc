"""What a row of state costs in memory: Sloth as it counts, Flink by its heap with and without the job's state."""

import json
import re
import subprocess
import time
import urllib.request


def heap_bytes(flink):
    """Live bytes on the heap of Flink's TaskManager."""
    process = str(flink.processes[1].pid)
    for _ in range(2):
        subprocess.run(["jcmd", process, "GC.run"], check=True, capture_output=True)
    info = subprocess.run(["jcmd", process, "GC.heap_info"], check=True, capture_output=True, text=True).stdout
    return int(re.search(r"used (\d+)K", info).group(1)) * 1024


def request(flink, path, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{flink.rest}{path}", method=method), timeout=20) as reply:
        return json.loads(reply.read() or "{}")


def of_flink(flink, sql, rows):
    """Bytes of state on the heap when the source has given all its rows; the job's source never ends."""
    before = heap_bytes(flink)
    job = flink.submit(sql)
    try:
        while read_rows(flink, job) < rows:
            time.sleep(0.2)
        flink.settle()
        time.sleep(1)
        flink.settle()
        return heap_bytes(flink) - before
    finally:
        request(flink, f"/jobs/{job}?mode=cancel", "PATCH")
        while request(flink, f"/jobs/{job}")["state"] != "CANCELED":
            time.sleep(0.2)


def read_rows(flink, job):
    """Rows that the job's sources have given."""
    state = request(flink, f"/jobs/{job}")
    if state["state"] in ("FAILED", "FINISHED"):
        raise RuntimeError(f"flink: the job has {state['state'].lower()}")
    sources = [vertex for vertex in state["vertices"] if vertex["name"].startswith("Source")]
    given = 0
    for source in sources:
        # What is chained to a source counts its rows under its own name.
        path = f"/jobs/{job}/vertices/{source['id']}/subtasks/metrics?agg=sum"
        names = [m["id"] for m in request(flink, path) if re.match(r"Source__.*\.numRecordsOut$", m["id"])]
        values = request(flink, f"{path}&get={names[0]}") if names else []
        given = max([given, *(int(value["sum"]) for value in values)])
    return given
