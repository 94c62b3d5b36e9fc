"""Latency of the live screen: how long after its creation a row is in the page's event stream.

Reads /api/events as a page does, and compares the rows' `created_at` with the clock at the moment the frame was read.
"""

import http.client
import json
import time


def rows_of(delta):
    """The rows that a frame brings to a table."""
    return [] if delta is None else delta.get("append", []) + delta.get("upsert", [])


def latencies(address, table, column, seconds, warm=5.0):
    """Milliseconds from creation to arrival, one for each row of `table` that came within `seconds`."""
    connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=30)
    connection.request("GET", "/api/events")
    stream = connection.getresponse()
    begun = time.monotonic()
    found, position, event = [], None, None
    while time.monotonic() - begun < warm + seconds:
        line = stream.readline()
        now_ms = time.time() * 1000
        if line.startswith(b"event: "):
            event = line[7:].strip()
            continue
        if not line.startswith(b"data: "):
            continue
        data = json.loads(line[6:])
        if event == b"schema":
            columns = data["tables"][table]["columns"]
            position = next(i for i, c in enumerate(columns) if c["name"] == column)
            continue
        if event != b"epoch" or data.get("snapshot") or time.monotonic() - begun < warm:
            continue
        for row in rows_of(data["tables"].get(table)):
            found.append(now_ms - row[position])
    connection.close()
    return found
