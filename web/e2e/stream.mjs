// How late the event stream is, without a page: from a row's `created_at`, and from the epoch's clock, to its arrival.

/** Listens for so many seconds; returns lists of milliseconds. */
export async function listen(target, seconds) {
  const found = { row: [], epoch: [] };
  const columns = new Map();
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), seconds * 1000);
  try {
    const answer = await fetch(new URL("/api/events", target), { signal: abort.signal });
    let text = "";
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      const now = Date.now();
      const events = (text + chunk).split("\n\n");
      text = events.pop();
      for (const event of events) take(event, now, columns, found);
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    clearTimeout(timer);
  }
  return found;
}

function take(event, now, columns, found) {
  const data = event.match(/^data: (.*)$/m)?.[1];
  if (!data) return;
  const body = JSON.parse(data);
  if (/^event: schema$/m.test(event)) {
    for (const [name, table] of Object.entries(body.tables)) columns.set(name, table.columns.findIndex((c) => c.name === "created_at"));
  } else if (body.epoch !== undefined && !body.snapshot) {
    found.epoch.push(now - body.now_ms);
    for (const [name, delta] of Object.entries(body.tables)) {
      const at = columns.get(name) ?? -1;
      if (at >= 0) for (const row of delta.append ?? delta.upsert ?? []) if (row[at] !== null) found.row.push(now - row[at]);
    }
  }
}

/** The value below which this share of the list lies. */
export function percentile(list, share) {
  return [...list].sort((a, b) => a - b)[Math.floor((list.length - 1) * share)];
}
