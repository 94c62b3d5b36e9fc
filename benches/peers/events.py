"""Latency of the live screen: how long after its creation a row is in the page's event stream.

Reads /api/events as a page does, and notes for each row the clock at the moment its frame was read.
"""

import http.client
import json
import time


def rows_of(delta):
    """The rows that a frame brings to a table."""
    return [] if delta is None else delta.get("append", []) + delta.get("upsert", [])


def arrivals(address, table, columns, seconds, warm=5.0):
    """The rows of `table` that come within `seconds` after `warm`: for each these columns, then the time of arrival,
    all in milliseconds since 1970."""
    connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=30)
    connection.request("GET", "/api/events")
    stream = connection.getresponse()
    begun = time.monotonic()
    found, positions, event = [], [], None
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
            # The first one may come before the table is there; a changed schema is told again.
            shape = data["tables"].get(table, {}).get("columns", [])
            names = [c["name"] for c in shape]
            positions = [names.index(c) for c in columns] if names else []
            continue
        if event != b"epoch" or data.get("snapshot") or time.monotonic() - begun < warm:
            continue
        for row in rows_of(data["tables"].get(table)):
            found.append([row[p] for p in positions] + [now_ms])
    connection.close()
    return found
