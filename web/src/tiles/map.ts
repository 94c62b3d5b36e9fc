// China, its regions coloured by value, the first places pulsing.
import shapes from "china-shapes/map/json/china.json?raw";
import { el, rem, setText, theme } from "../dom";
import { toNumber } from "../format";
import { latest } from "../rows";
import type { TileSpec } from "../spec";
import type { Cell, Table } from "../store";
import { Chart, blend, echarts, fade, type Option } from "./chart";
import { Regions, type Region } from "./provinces";
import type { Context, View } from "./tile";

/** Under this name ECharts adds the inset of the southern islands. */
const MAP = "china";
/** Width to height of the map as drawn. */
const ASPECT = 1.28;
/** Pulsing places, and how many on a phone. */
const PULSES = 5;
const PULSES_NARROW = 3;
const NARROW_REM = 35;
/** From few to many sales. */
const COLOURS = ["#0c2350", "#10418c", "#1769c9", "#1f9fe8", "#5fe3f5"];
/** Steps of colour: the map is drawn anew only when a region has moved by one. */
const SHADES = 96;
/** The inset's frame is thin: as an area it would be a block. */
const INSET = "南海诸岛";

interface Place {
  region: Region;
  cell: Cell | undefined;
  value: number;
}

type Size = { width: number; height: number };

export function mapTile(spec: TileSpec, host: HTMLElement, { formatter, words }: Context): View {
  const geo = JSON.parse(shapes) as { features: { properties: { id: string; name: string; cp: [number, number] } }[] };
  const regions = new Regions(
    geo.features.map(({ properties: p }) => ({ name: p.name, code: p.id, capital: p.cp })),
    formatter.locale,
  );
  echarts.registerMap(MAP, shapes);
  host.append(el("div", "scale", el("span", "", words.low), el("i"), el("span", "", words.high)));
  let places: Place[] = [];
  let type = "float";
  let drawn = "";
  const chart = new Chart(host, (unit, size) => option(places, unit, size));
  const pulses = new Pulses(host, chart, (place) => [regions.title(place.region), formatter.text(place.cell, type, spec)]);
  const mark = (): void => pulses.set(places.slice(0, narrow(chart.size()) ? PULSES_NARROW : (spec.highlight ?? PULSES)));
  return {
    update(table) {
      type = table.type(spec.value ?? "");
      places = toPlaces(spec, table, regions);
      const colours = places.map((place) => `${place.region.name}${shade(place.value, places)}`).join();
      if (colours !== drawn) {
        drawn = colours;
        chart.draw();
      }
      mark();
    },
    resize() {
      chart.resize();
      mark();
    },
  };
}

/** Dots and labels over the map: elements, so that the browser animates them without drawing the map again. */
class Pulses {
  private readonly layer = el("div", "pulses");
  private readonly items = new Map<string, HTMLElement>();

  constructor(
    host: HTMLElement,
    private readonly chart: Chart,
    private readonly label: (place: Place) => [string, string],
  ) {
    host.append(this.layer);
    new ResizeObserver(() => requestAnimationFrame(() => this.settle())).observe(this.layer);
  }

  private places: Place[] = [];

  set(places: Place[]): void {
    this.places = places;
    const wanted = new Set(places.map((place) => place.region.name));
    for (const [name, item] of this.items) {
      if (!wanted.has(name)) {
        item.remove();
        this.items.delete(name);
      }
    }
    for (const place of places) {
      let item = this.items.get(place.region.name);
      if (!item) {
        item = el("div", "pulse", el("i"), el("span", "tag", el("span"), el("b")));
        this.items.set(place.region.name, item);
        this.layer.append(item);
      }
      const tag = item.lastElementChild;
      const [name, value] = this.label(place);
      setText(tag?.firstElementChild as HTMLElement, name);
      setText(tag?.lastElementChild as HTMLElement, value);
    }
    this.settle();
  }

  /** Puts the marks in their places, each label where it covers neither a dot nor another label. */
  private settle(): void {
    const unit = rem();
    const points = this.places
      .map((place) => ({ place, at: this.chart.pixel(place.region.capital) }))
      .filter((point): point is { place: Place; at: [number, number] } => point.at !== undefined);
    const taken: Box[] = points.map(({ at: [x, y] }) => ({ left: x - 0.5 * unit, right: x + 0.5 * unit, top: y - 0.5 * unit, bottom: y + 0.5 * unit }));
    for (const { place, at } of points) {
      const item = this.items.get(place.region.name);
      if (!item) continue;
      const [name, value] = this.label(place);
      // Chinese characters are as wide as high, figures a good half of that.
      const width = (0.85 * name.length + 0.55 * value.length + 1.5) * unit;
      const seats = SEATS.map((seat) => ({ ...seat, box: seatBox(at, seat, width, unit) }));
      const inside = (box: Box): boolean => box.left >= 0 && box.right <= this.layer.clientWidth;
      const free = (box: Box): boolean => inside(box) && taken.every((other) => apart(box, other));
      const seat = seats.find(({ box }) => free(box)) ?? seats.find(({ box }) => inside(box)) ?? seats[0];
      if (!seat) continue;
      taken.push(seat.box);
      item.style.transform = `translate(${at[0].toFixed(1)}px, ${at[1].toFixed(1)}px)`;
      item.style.setProperty("--shift", `${seat.shift}rem`);
      item.classList.toggle("left", seat.left);
    }
  }
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Where a label may stand beside its dot, in rem below it; the first free one is taken. */
const SEATS = [0, 1, -1, 1.7, -1.7, 2.6].flatMap((shift) => [
  { left: false, shift },
  { left: true, shift },
]);
/** From the dot to its label, and half the label's height. */
const GAP_REM = 0.95;
const HALF_REM = 0.8;

function seatBox([x, y]: [number, number], seat: { left: boolean; shift: number }, width: number, unit: number): Box {
  const left = seat.left ? x - GAP_REM * unit - width : x + GAP_REM * unit;
  const middle = y + seat.shift * unit;
  return { left, right: left + width, top: middle - HALF_REM * unit, bottom: middle + HALF_REM * unit };
}

function apart(a: Box, b: Box): boolean {
  return a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top;
}

function narrow(size: Size): boolean {
  return size.width < NARROW_REM * rem();
}

function toPlaces(spec: TileSpec, table: Table, regions: Regions): Place[] {
  const [label, value] = [table.index(spec.label ?? ""), table.index(spec.value ?? "")];
  return latest(spec, table)
    .map((row) => ({ region: regions.find(String(row[label])), cell: row[value], value: toNumber(row[value]) }))
    .filter((place): place is Place => place.region !== undefined)
    .sort((a, b) => b.value - a.value);
}

/** Roots even out the skew between the coast and the rest. */
function shade(value: number, places: Place[]): number {
  return Math.round(Math.sqrt(Math.max(0, value) / (places[0]?.value || 1)) * SHADES);
}

function option(places: Place[], unit: (px: number) => number, size: Size): Option {
  const centre = narrow(size) ? "44%" : "50%";
  const position = { map: MAP, roam: false, silent: true, layoutSize: Math.min(size.width, size.height * ASPECT) * 0.99, aspectScale: 0.78 };
  const accent = theme("--accent");
  const inset = { name: INSET, itemStyle: { areaColor: "transparent", borderColor: fade(accent, 0.5) }, label: { show: false } };
  return {
    animation: false,
    geo: [
      // Below: the slab's side, with the glow around the country.
      {
        ...position,
        layoutCenter: [centre, `${50 + (unit(9) / size.height) * 100}%`],
        z: 0,
        itemStyle: { areaColor: "#061230", borderColor: fade(accent, 0.25), borderWidth: unit(1), shadowColor: fade(accent, 0.55), shadowBlur: unit(26) },
        regions: [{ ...inset, itemStyle: { areaColor: "transparent", borderColor: "transparent", shadowBlur: 0 } }],
      },
      {
        ...position,
        layoutCenter: [centre, "50%"],
        z: 1,
        itemStyle: { areaColor: COLOURS[0], borderColor: fade(accent, 0.55), borderWidth: unit(0.9) },
        regions: [inset, ...places.map((p) => ({ name: p.region.name, itemStyle: { areaColor: blend(COLOURS, shade(p.value, places) / SHADES) } }))],
      },
    ],
  };
}
