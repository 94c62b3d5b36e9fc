// Tests of the parts that need no browser: node --test test/
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

let vite;
const load = (name) => vite.ssrLoadModule(`/src/${name}.ts`);

before(async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  vite = await createServer({ root, server: { middlewareMode: true, ws: false, watch: null }, appType: "custom", logLevel: "error" });
});
after(() => vite.close());

test("decimals are grouped and rounded as text, without loss", async () => {
  const { Formatter, group, round } = await load("format");
  const f = new Formatter("en", "Asia/Shanghai", false);
  assert.equal(f.text("123456789012345678901.25", "decimal", { prefix: "¥" }), "¥123,456,789,012,345,678,901.25");
  assert.equal(f.text("0.005", "decimal", { decimals: 2 }), "0.01");
  assert.equal(f.text("-0.004", "decimal", { decimals: 2 }), "-0.00");
  assert.equal(f.text("999.995", "decimal", { decimals: 2 }), "1,000.00");
  assert.equal(f.text("9007199254740993", "integer", {}), "9,007,199,254,740,993");
  assert.equal(f.text(1e21, "float", { decimals: 0 }), "1,000,000,000,000,000,000,000");
  assert.equal(f.text(null, "decimal", {}), "–");
  assert.equal(round("12", 2), "12.00");
  assert.equal(round("NaN", 2), "NaN");
  assert.equal(group("-1234567"), "-1,234,567");
  for (let i = 0; i < 2000; i += 1) {
    const cents = Math.floor(Math.random() * 1e12);
    const text = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
    assert.equal(round(text, 1), (Math.floor((cents + 5) / 10) / 10).toFixed(1), text);
  }
});

test("shares are written as per cent", async () => {
  const { Formatter } = await load("format");
  const f = new Formatter("en", undefined, false);
  assert.equal(f.text(0.97314, "float", { format: "percent" }), "97.3%");
  assert.equal(f.text("0.9", "decimal", { format: "percent", decimals: 2 }), "90.00%");
  assert.equal(f.text(1, "float", { format: "percent", decimals: 0 }), "100%");
  assert.equal(f.text(0, "integer", { format: "percent", decimals: 1 }), "0.0%");
});

test("large values shorten as the language does", async () => {
  const { Formatter } = await load("format");
  assert.equal(new Formatter("zh-CN", undefined, false).text("268412345.67", "decimal", { format: "compact", prefix: "¥" }), "¥2.68亿");
  assert.equal(new Formatter("en", undefined, false).text(3_400_000, "integer", { format: "compact" }), "3.4M");
});

test("times with a zone move, times without stay unless they are UTC", async () => {
  const { Formatter } = await load("format");
  const ms = Date.UTC(2026, 10, 10, 16, 0, 5);
  const wall = new Formatter("en", "Asia/Shanghai", false);
  assert.equal(wall.text(ms, "timestamp_ltz", { format: "time" }), "00:00:05");
  assert.equal(wall.text(ms, "timestamp", { format: "time" }), "16:00:05");
  assert.equal(new Formatter("en", "Asia/Shanghai", true).text(ms, "timestamp", { format: "time" }), "00:00:05");
});

test("the store follows snapshots and deltas", async () => {
  const { Store } = await load("store");
  const store = new Store();
  const column = (name) => ({ name, type: "integer" });
  store.reshape({
    tables: {
      log: { columns: [column("v")], mode: "append", rows: 3 },
      keyed: { columns: [column("k"), column("v")], mode: "upsert", key: [0] },
      single: { columns: [column("v")], mode: "upsert", key: [] },
    },
  });
  assert.equal(store.ready, false);
  store.apply({ epoch: 1, now_ms: 5, snapshot: true, tables: { log: { append: [[1], [2]] }, keyed: { upsert: [[1, 1], [2, 2]] } } });
  store.apply({ epoch: 4, now_ms: 6, tables: { log: { append: [[3], [4]] }, keyed: { upsert: [[1, 9]], delete: [[2]] }, single: { upsert: [[7]] } } });
  const rows = (name) => store.tables.get(name).rows();
  assert.deepEqual([store.epoch, rows("log"), rows("keyed"), rows("single")], [4, [[2], [3], [4]], [[1, 9]], [[7]]]);
  assert.equal(store.tables.get("log").appended, 4);
  store.apply({ epoch: 5, now_ms: 7, tables: { single: { upsert: [[8]] } } });
  assert.deepEqual(rows("single"), [[8]]);
  store.apply({ epoch: 1, now_ms: 1, snapshot: true, tables: { log: { append: [[5]] } } });
  assert.deepEqual([rows("log"), rows("keyed")], [[[5]], []]);
});

test("rows are ranked exactly where they can be compared", async () => {
  const { latest, newest, ranked } = await load("rows");
  const { Table } = await load("store");
  const table = new Table("t", { columns: ["w", "name", "v"].map((name) => ({ name, type: "x" })), mode: "append" });
  table.apply({ append: [[1, "a", "5.5"], [2, "b", "10.25"], [2, "c", "9.75"], [1, "d", "100"]] });
  const names = (list) => list.map((row) => row[1]).join("");
  assert.equal(names(ranked({ value: "v" }, table)), "dbca");
  assert.equal(names(ranked({ value: "v", limit: 1, sort: { by: "v", order: "asc" } }, table)), "a");
  assert.equal(names(ranked({ value: "v", sort: { by: "name", order: "asc" } }, table)), "abcd");
  assert.equal(names(latest({ latest: "w" }, table)), "bc");
  assert.equal(newest({ latest: "w" }, table)[1], "c");
  assert.equal(newest({}, table)[1], "d");
});

test("provinces are found under all their names", async () => {
  const { Regions } = await load("tiles/provinces");
  const { readFileSync } = await import("node:fs");
  const geo = JSON.parse(readFileSync(new URL("../node_modules/china-shapes/map/json/china.json", import.meta.url), "utf8"));
  const all = geo.features.map(({ properties: p }) => ({ name: p.name, code: p.id, capital: p.cp }));
  assert.equal(all.length, 34);
  const regions = new Regions(all, "en");
  for (const name of ["广东", "广东省", "Guangdong", "440000", "44"]) assert.equal(regions.find(name)?.name, "广东", name);
  for (const name of ["内蒙古自治区", "Inner Mongolia"]) assert.equal(regions.find(name)?.name, "内蒙古", name);
  for (const name of ["香港特别行政区", "Hong Kong"]) assert.equal(regions.find(name)?.name, "香港", name);
  assert.equal(regions.find("新疆维吾尔自治区")?.name, "新疆");
  assert.equal(regions.find("Macau")?.name, "澳门");
  assert.equal(regions.find("Atlantis"), undefined);
  for (const region of all) assert.match(regions.title(region), /^[A-Z]/, region.name);
});
