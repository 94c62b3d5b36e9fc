"""DuckDB's side: reads a request (JSON) a line from stdin, answers with a line of figures. See compare.py."""

import json
import os
import resource
import sys
import time

import duckdb

TYPES = {
    "order_id": "BIGINT",
    "category": "VARCHAR",
    "user_id": "BIGINT",
    "amount": "DECIMAL(10,2)",
    "event_time": "TIMESTAMP",
}


def status(key):
    with open("/proc/self/status") as text:
        for line in text:
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def source(request):
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items()) + "}"
    path = request["path"]
    if request["format"] == "csv":
        return f"read_csv('{path}', header = false, columns = {columns}, auto_detect = false)"
    if request["format"] == "json":
        return f"read_json('{path}', format = 'newline_delimited', columns = {columns})"
    return f"read_parquet('{path}')"


def main():
    connection = duckdb.connect()
    connection.execute(f"SET threads = {os.cpu_count()}")
    loaded = 0.0
    if len(sys.argv) > 1:
        connection.execute(
            "CREATE TABLE orders AS SELECT *, CAST(amount AS DOUBLE) AS amount_double "
            f"FROM read_parquet('{sys.argv[1]}')"
        )
        loaded = status("VmRSS:")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "table" in request:
                connection.execute(f"CREATE OR REPLACE VIEW {request['table']} AS SELECT * FROM {source(request)}")
                print("{}", flush=True)
                continue
            with open("/proc/self/clear_refs", "w") as refs:
                refs.write("5")
            begun, used = time.monotonic(), cpu()
            # Counting and adding inside DuckDB: the cheapest thing to do with a result.
            rows, total = connection.execute(f"SELECT count(*), sum(total) FROM ({request['run']})").fetchone()
            reply = {
                "wall": time.monotonic() - begun,
                "cpu": cpu() - used,
                "memory": max(status("VmHWM:") - loaded, 0.0),
                "rows": rows,
                "sum": float(total),
            }
        except Exception as error:  # the other side prints it
            reply = {"error": str(error)}
        print(json.dumps(reply), flush=True)


main()
