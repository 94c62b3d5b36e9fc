// The page: builds the screen from its description and keeps it at the server's epoch.
import "./style.css";
import { el } from "./dom";
import { Formatter } from "./format";
import { Header } from "./header";
import type { ScreenSpec, TileSpec } from "./spec";
import { Store, type Cell } from "./store";
import { connect, type Connection } from "./stream";
import { columnsTile, lineTile } from "./tiles/line";
import { feedTile, rankTile } from "./tiles/list";
import { mapTile } from "./tiles/map";
import { numberTile } from "./tiles/number";
import { pieTile } from "./tiles/pie";
import { tableTile } from "./tiles/table";
import { Panel, type Context, type View } from "./tiles/tile";
import { words } from "./words";

/** What tests can see: the state that is on the page. */
interface Probe {
  epoch: number;
  /** The epoch's wall clock. */
  nowMs: number;
  tables: Record<string, Cell[][]>;
  /** Tables with a column `created_at`, and where it stands: for measuring latency. */
  createdAt: Record<string, number>;
  connection: Connection;
  /** Frames received and drawn since the page was loaded. */
  frames: number;
  draws: number;
}

declare global {
  interface Window {
    __sloth: Probe;
  }
}

/** The page spends at most this share of its time on drawing: a slow machine gets fewer, whole updates. */
const DRAW_SHARE = 0.4;

function view(spec: TileSpec, host: HTMLElement, context: Context): View {
  switch (spec.type) {
    case "number": return numberTile(spec, host, context);
    case "line": return lineTile(spec, host, context);
    case "bar": return spec.style === "columns" ? columnsTile(spec, host, context) : rankTile(spec, host, context);
    case "pie": return pieTile(spec, host, context);
    case "table": return tableTile(spec, host, context);
    case "map": return mapTile(spec, host, context);
    case "feed": return feedTile(spec, host, context);
  }
}

function applyTheme(spec: ScreenSpec): void {
  const root = document.documentElement;
  root.lang = spec.locale;
  document.title = spec.title;
  for (const [name, colour] of Object.entries(spec.theme)) root.style.setProperty(`--${name}`, colour as string);
}

function place(panel: Panel): void {
  const { at } = panel.spec;
  if (!at) return;
  panel.root.style.setProperty("--column", `${at.column} / span ${at.width}`);
  panel.root.style.setProperty("--row", `${at.row} / span ${at.height}`);
  panel.root.classList.add("placed");
}

/** Draws all panels at one epoch, no more often than the machine can take. */
class Painter {
  private scheduled = false;
  private restUntil = 0;

  constructor(private readonly paint: () => void) {}

  request(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => requestAnimationFrame(() => this.run()), Math.max(0, this.restUntil - performance.now()));
  }

  private run(): void {
    this.scheduled = false;
    const start = performance.now();
    this.paint();
    const cost = performance.now() - start;
    this.restUntil = start + cost / DRAW_SHARE;
  }
}

/** Turns endless motion off on a machine that draws fewer frames than this a second. */
const FRAMES_MIN = 24;

function watchFrames(): void {
  let frames = 0;
  const start = performance.now();
  const count = (now: number): void => {
    frames += 1;
    if (now - start < 2000) requestAnimationFrame(count);
    else if (!document.hidden && (frames * 1000) / (now - start) < FRAMES_MIN) document.body.classList.add("lite");
  };
  requestAnimationFrame(count);
}

async function load(): Promise<{ spec: ScreenSpec; text: string }> {
  for (;;) {
    try {
      const text = await (await fetch("./api/screen")).text();
      return { spec: JSON.parse(text) as ScreenSpec, text };
    } catch {
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

function build(spec: ScreenSpec, description: string): void {
  applyTheme(spec);
  const context: Context = { formatter: new Formatter(spec.locale, spec["time-zone"], spec.timestamps === "utc"), words: words(spec.locale) };
  const header = new Header(spec, context.formatter, context.words);
  const panels = spec.tiles.map((tile) => new Panel(tile, (host) => view(tile, host, context), context.words));
  panels.forEach(place);
  const grid = el("main", spec.tiles.some((tile) => tile.at) ? "grid" : "grid flow", ...panels.map((panel) => panel.root));
  grid.style.setProperty("--columns", String(spec.grid.columns));
  grid.style.setProperty("--rows", String(spec.grid.rows));
  document.getElementById("screen")?.replaceChildren(header.root, grid);

  const store = new Store();
  let connection: Connection = "connecting";
  const probe: Probe = { epoch: 0, nowMs: 0, tables: {}, createdAt: {}, connection, frames: 0, draws: 0 };
  window.__sloth = probe;
  const painter = new Painter(() => {
    for (const panel of panels) {
      const table = store.tables.get(panel.spec.table);
      if (table) panel.update(table, store.epoch);
    }
    header.epoch(store.epoch);
    [probe.epoch, probe.nowMs] = [store.epoch, store.nowMs];
    probe.tables = Object.fromEntries([...store.tables].map(([name, table]) => [name, table.rows()]));
    probe.draws += 1;
    // Once everything stands: making the charts takes time on any machine.
    if (probe.draws === 5) setTimeout(watchFrames, 1000);
  });
  connect("./api/events", {
    schema(event) {
      store.reshape(event);
      const stamps = [...store.tables].map(([name, table]): [string, number] => [name, table.index("created_at")]);
      probe.createdAt = Object.fromEntries(stamps.filter(([, at]) => at >= 0));
    },
    epoch(event) {
      store.apply(event);
      header.arrived(event.now_ms);
      header.connected(connection, store.job);
      probe.frames += 1;
      if (store.ready) painter.request();
    },
    connection(state) {
      if (state === "live" && connection === "lost") void reloadIfChanged(description);
      connection = state;
      probe.connection = state;
      header.connected(state, store.job);
      document.body.classList.toggle("stale", state === "lost");
    },
  });
  addEventListener("resize", () => panels.forEach((panel) => panel.resize()));
}

/** A server that came back may show another screen. */
async function reloadIfChanged(description: string): Promise<void> {
  const { text } = await load();
  if (text !== description) location.reload();
}

addEventListener("keydown", (event) => {
  if (event.key !== "f" || event.ctrlKey || event.metaKey) return;
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
});

const { spec, text } = await load();
build(spec, text);
