// One value: plain, as a flip counter, or as a gauge; with its recent course on request.
import { el, setText, svg } from "../dom";
import { round, toNumber } from "../format";
import { latest, newest } from "../rows";
import type { TileSpec } from "../spec";
import type { Cell, Table } from "../store";
import { Odometer } from "./odometer";
import type { Context, View } from "./tile";

/** Points of a sparkline. */
const SPARK_POINTS = 60;
/** Share of the circle that a gauge's arc takes. */
const GAUGE_ARC = 0.75;

export function numberTile(spec: TileSpec, host: HTMLElement, context: Context): View {
  const show = spec.style === "flip" ? flip(spec, host, context) : spec.style === "gauge" ? gauge(spec, host, context) : plain(spec, host, context);
  const spark = spec.sparkline ? new Sparkline(host) : undefined;
  const column = spec.value ?? "";
  return {
    update(table) {
      const value = newest(spec, table)?.[table.index(column)];
      // For tests and screen readers: the exact value as it came.
      host.dataset["value"] = value === undefined || value === null ? "" : String(value);
      host.setAttribute("role", "img");
      host.setAttribute("aria-label", context.formatter.text(value, table.type(column), spec));
      show(value, table);
      spark?.update(table, column, spec, value);
    },
  };
}

type Show = (value: Cell | undefined, table: Table) => void;

function plain(spec: TileSpec, host: HTMLElement, { formatter }: Context): Show {
  const digits = el("span", "digits", "–");
  const affix = (text: string | undefined): Node | undefined => (text ? el("span", "affix", text) : undefined);
  host.append(el("div", "figure", affix(spec.prefix), digits, affix(spec.suffix)));
  return (value, table) => setText(digits, formatter.bare(value, table.type(spec.value ?? ""), spec));
}

function flip(spec: TileSpec, host: HTMLElement, { formatter }: Context): Show {
  const odometer = new Odometer();
  const affix = (text: string | undefined): Node | undefined => (text ? el("span", "affix", text) : undefined);
  host.append(el("div", "flip", affix(spec.prefix), odometer.root, affix(spec.suffix)));
  return (value, table) => {
    if (value === undefined || value === null) return;
    odometer.set(formatter.bare(value, table.type(spec.value ?? ""), { ...spec, decimals: spec.decimals ?? 0 }));
    // The width in units of the font size: the sheet makes the font as large as the tile allows.
    host.style.setProperty("--ems", odometer.ems().toFixed(2));
  };
}

function gauge(spec: TileSpec, host: HTMLElement, { formatter }: Context): Show {
  const circle = (name: string, length: number): SVGElement =>
    svg("circle", { class: name, cx: 60, cy: 60, r: 50, pathLength: 100, "stroke-dasharray": `${length} 100` });
  const arcs = [circle("halo", 0), circle("arc", 0)];
  const drawing = svg("svg", { viewBox: "0 0 120 120", "aria-hidden": "true" }, circle("track", GAUGE_ARC * 100), ticks(), ...arcs);
  const digits = el("span", "digits", "–");
  const unit = spec.format === "percent" ? "%" : (spec.suffix ?? "");
  host.append(el("div", "dial", drawing, el("div", "figure", digits, el("span", "affix", unit))));
  return (value, table) => {
    const share = Math.min(1, Math.max(0, toNumber(value) / (spec.max ?? 1)));
    for (const arc of arcs) arc.setAttribute("stroke-dasharray", `${(share * GAUGE_ARC * 100).toFixed(3)} 100`);
    setText(digits, formatter.bare(value, table.type(spec.value ?? ""), spec).replace(/%$/, ""));
  };
}

function ticks(): SVGElement {
  const count = 45;
  const lines = Array.from({ length: count + 1 }, (_, index) => {
    const angle = (index / count) * GAUGE_ARC * 360;
    return svg("line", { x1: 60 + 42, y1: 60, x2: 60 + (index % 5 ? 40 : 38), y2: 60, transform: `rotate(${angle} 60 60)` });
  });
  return svg("g", { class: "ticks" }, ...lines);
}

/** The recent course of a value. An append table has it; for others the page remembers what it has seen. */
class Sparkline {
  private readonly lines = ["halo", "line"].map((name) => svg("path", { class: name, "vector-effect": "non-scaling-stroke" }));
  private readonly area = svg("path", { class: "area" });
  private seen: number[] = [];
  private seenAt = 0;

  constructor(host: HTMLElement) {
    host.append(svg("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, ...this.lines));
  }

  update(table: Table, column: string, spec: TileSpec, value: Cell | undefined): void {
    const at = table.index(column);
    if (table.mode === "append" && !spec.latest) {
      this.draw(latest(spec, table).slice(-SPARK_POINTS).map((row) => toNumber(row[at])));
      return;
    }
    const now = performance.now();
    if (now - this.seenAt < 1000) return;
    this.seenAt = now;
    this.seen = [...this.seen, toNumber(value)].slice(-SPARK_POINTS);
    this.draw(this.seen);
  }

  private draw(values: number[]): void {
    if (values.length < 2) return;
    const low = Math.min(...values);
    const high = Math.max(...values);
    const span = high - low || 1;
    const points = values.map((v, i) => {
      const x = (i / (values.length - 1)) * 100;
      return `${round(x.toFixed(6), 2)},${round((27 - ((v - low) / span) * 23).toFixed(6), 2)}`;
    });
    for (const line of this.lines) line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${points.join("L")}L100,30L0,30Z`);
  }
}
