// Browser test of the big screen: node web/e2e/check.mjs URL [--screenshot FILE.png] [--screenshots DIR] [--seconds N]
// [--p99 MS]. Latency is measured for N seconds (5); with --p99 the event stream must not be later than so many ms.
// Needs a running server with live data, and Debian's Chromium (scripts/chromium). Touches nothing but URL.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { Proxy } from "./proxy.mjs";
import { listen, percentile } from "./stream.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshot: { type: "string" }, screenshots: { type: "string" }, seconds: { type: "string", default: "5" }, p99: { type: "string" } },
});
const target = new URL(positionals[0] ?? "http://127.0.0.1:8080");

const SIZES = [
  { width: 1920, height: 1080 },
  { width: 390, height: 844 },
  { width: 3840, height: 2160 },
];
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let passed = 0;
let failed = 0;

/** Runs one check and says how it went. */
async function check(name, run) {
  try {
    const detail = await run();
    passed += 1;
    console.log(`ok    ${name}${detail ? `: ${detail}` : ""}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

function assert(holds, message) {
  if (!holds) throw new Error(message);
}

/** A page of this size on the screen, with everything noted that should not happen. */
async function open(browser, url, viewport) {
  const page = await browser.newPage({ viewport });
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(error.message));
  page.on("console", (message) => {
    // A lost connection is reported by the browser itself; the test cuts it on purpose.
    if (message.type() === "error" && !/net::ERR_|Failed to load resource/.test(message.text())) trouble.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin) trouble.push(`request to ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "domcontentloaded" });
  return { page, trouble };
}

const live = (page) => page.waitForFunction(() => window.__sloth?.connection === "live" && window.__sloth.draws > 0, null, { timeout: 20_000 });

/** Rows of a snapshot's tables, in an order that does not matter. */
function rowsOf(snapshot) {
  return Object.fromEntries(
    Object.entries(snapshot.tables).map(([name, delta]) => [name, (delta.append ?? delta.upsert ?? []).map((row) => JSON.stringify(row))]),
  );
}

/** What is on the page and what the server says, once both are at the same epoch. */
async function sameEpoch(page) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const seen = await page.evaluate(async () => {
      const snapshot = await (await fetch("./api/snapshot")).json();
      const wait = performance.now() + 300;
      while (window.__sloth.epoch < snapshot.epoch && performance.now() < wait) await new Promise(requestAnimationFrame);
      const tiles = [...document.querySelectorAll(".tile")].map((tile) => ({
        type: tile.classList[1],
        table: tile.dataset.table,
        epoch: Number(tile.dataset.epoch),
        value: tile.querySelector(".body")?.dataset.value,
        digits: tile.querySelector(".figure .digits")?.textContent,
        names: [...tile.querySelectorAll(".rank-row:not(.leaving)")].map((row) => ({
          place: Number(row.querySelector(".place").textContent),
          name: row.querySelector(".name").textContent,
        })),
      }));
      return { snapshot, epoch: window.__sloth.epoch, tables: window.__sloth.tables, tiles };
    });
    if (seen.epoch === seen.snapshot.epoch) return seen;
    await page.waitForTimeout(7);
  }
  throw new Error("page and server were never at the same epoch");
}

async function checkValues(page) {
  const { snapshot, epoch, tables, tiles } = await sameEpoch(page);
  const expected = rowsOf(snapshot);
  for (const [name, rows] of Object.entries(expected)) {
    const shown = (tables[name] ?? []).map((row) => JSON.stringify(row));
    assert([...shown].sort().join() === [...rows].sort().join(), `table ${name} differs at epoch ${epoch}`);
  }
  const spec = await (await fetch(new URL("/api/screen", target))).json();
  spec.tiles.forEach((tile, index) => {
    const shown = tiles[index];
    if (expected[tile.table].length === 0) return;
    assert(shown.epoch === epoch, `tile ${index + 1} is at epoch ${shown.epoch}, the page at ${epoch}`);
    const columns = snapshot.schema.tables[tile.table].columns.map((c) => c.name);
    const cell = (row, column) => JSON.parse(row)[columns.indexOf(column)];
    if (tile.type === "number" && !tile.latest) {
      const value = cell(expected[tile.table].at(-1), tile.value);
      assert(shown.value === String(value), `tile ${index + 1} shows ${shown.value}, the server says ${value}`);
      if (shown.digits) checkDigits(shown.digits, value, tile);
    }
    if (tile.type === "bar" && tile.style !== "columns" && !tile.latest && !tile.sort) {
      const best = [...expected[tile.table]].sort((a, b) => cell(b, tile.value) - cell(a, tile.value))[0];
      const first = shown.names.find((row) => row.place === 1)?.name;
      assert(first === cell(best, tile.label), `tile ${index + 1} has ${first} first, the server ${cell(best, tile.label)}`);
    }
  });
  return `${Object.keys(expected).length} tables, ${tiles.length} tiles, epoch ${epoch}`;
}

/** The digits that a person reads. */
function checkDigits(text, value, tile) {
  if (tile.format === "compact") return;
  const read = Number(text.replace(/[^\d.-]/g, ""));
  const exact = Number(value) * (tile.format === "percent" ? 100 : 1);
  const decimals = (text.split(".")[1] ?? "").replace(/\D/g, "").length;
  assert(Math.abs(read - exact) <= 0.500001 * 10 ** -decimals, `the page reads ${text} for ${value}`);
}

/** From the epoch's clock, and from rows' created_at where there is one, to the page. */
async function latency(page, seconds) {
  const samples = await page.evaluate(async (ms) => {
    const found = { epoch: [], row: [] };
    const end = performance.now() + ms;
    const seen = new Map();
    let draws = window.__sloth.draws;
    while (performance.now() < end) {
      await new Promise(requestAnimationFrame);
      if (window.__sloth.draws === draws) continue;
      draws = window.__sloth.draws;
      found.epoch.push(Date.now() - window.__sloth.nowMs);
      for (const [name, column] of Object.entries(window.__sloth.createdAt)) {
        const newest = (window.__sloth.tables[name] ?? []).at(-1)?.[column];
        if (newest !== undefined && seen.get(name) !== newest) {
          if (seen.has(name)) found.row.push(Date.now() - newest);
          seen.set(name, newest);
        }
      }
    }
    return found;
  }, seconds * 1000);
  assert(samples.epoch.length > 0, "nothing was drawn");
  return summary(samples, "page");
}

/** As `latency`, of the event stream alone. */
async function streamLatency(seconds) {
  const samples = await listen(target, seconds);
  assert(samples.epoch.length > 0, "no event came");
  const late = percentile(samples.row.length ? samples.row : samples.epoch, 0.99);
  assert(!options.p99 || late <= Number(options.p99), `${summary(samples, "stream")}; allowed are ${options.p99} ms`);
  return summary(samples, "stream");
}

function summary(samples, end) {
  const text = (name, list) =>
    list.length ? `${name} to ${end} p50 ${percentile(list, 0.5)} ms, p99 ${percentile(list, 0.99)} ms (${list.length})` : undefined;
  return [text("epoch clock", samples.epoch), text("created_at", samples.row)].filter(Boolean).join("; ");
}

await check("latency of the event stream", () => streamLatency(Number(options.seconds)));

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
const proxy = new Proxy(target);
await proxy.listen();
try {
  const { page, trouble } = await open(browser, proxy.url, SIZES[0]);
  await check("live data reaches the page", async () => {
    await live(page);
    const before = await page.evaluate(() => window.__sloth.epoch);
    await page.waitForFunction((epoch) => window.__sloth.epoch > epoch, before, { timeout: 10_000 });
  });
  await check("values on the page equal the server's at the same epoch", async () => {
    let detail = "";
    for (let round = 0; round < 3; round += 1) detail = await checkValues(page);
    return detail;
  });
  await check("latency of the page", () => latency(page, Number(options.seconds)));
  await check("the page reconnects by itself and is right again", async () => {
    await proxy.cut();
    await page.waitForFunction(() => window.__sloth.connection === "lost", null, { timeout: 10_000 });
    const frames = await page.evaluate(() => window.__sloth.frames);
    await proxy.listen();
    await page.waitForFunction((n) => window.__sloth.connection === "live" && window.__sloth.frames > n, frames, { timeout: 15_000 });
    return checkValues(page);
  });
  await check("no errors and no request to anywhere else", () => assert(trouble.length === 0, trouble.join("; ")));
  await page.close();

  const files = options.screenshots ? SIZES.map((size) => ({ size, file: join(options.screenshots, `screen-${size.width}x${size.height}.png`) })) : [];
  if (options.screenshot) files.unshift({ size: SIZES[0], file: options.screenshot });
  if (options.screenshots) mkdirSync(options.screenshots, { recursive: true });
  for (const { size, file } of files) {
    await check(`screenshot ${file}`, async () => {
      const { page: other, trouble: more } = await open(browser, proxy.url, size);
      await live(other);
      await other.waitForTimeout(4_000);
      const wide = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(wide <= 0, `the page is ${wide} px wider than the window`);
      await other.screenshot({ path: file, fullPage: size.width < 800 });
      assert(more.length === 0, more.join("; "));
      await other.close();
    });
  }
} finally {
  await browser.close();
  await proxy.cut();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
