// China, its regions coloured by value, the first places pulsing.
import shapes from "china-shapes/map/json/china.json?raw";
import { calm, el, theme } from "../dom";
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
const PULSES = 5;
/** From few to many sales. */
const COLOURS = ["#0c2350", "#10418c", "#1769c9", "#1f9fe8", "#5fe3f5"];
/** The inset's frame is thin: as an area it would be a block. */
const INSET = "南海诸岛";

interface Place {
  region: Region;
  cell: Cell | undefined;
  value: number;
}

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
  const text = ({ cell, value }: Place): string => formatter.text(cell ?? value, type, spec);
  const chart = new Chart(host, (unit, size) => option(places, spec, unit, size, (place) => `${regions.title(place.region)}  {value|${text(place)}}`));
  return {
    update(table) {
      type = table.type(spec.value ?? "");
      places = toPlaces(spec, table, regions);
      chart.draw();
    },
    resize: () => chart.resize(),
  };
}

function toPlaces(spec: TileSpec, table: Table, regions: Regions): Place[] {
  const [label, value] = [table.index(spec.label ?? ""), table.index(spec.value ?? "")];
  return latest(spec, table)
    .map((row) => ({ region: regions.find(String(row[label])), cell: row[value], value: toNumber(row[value]) }))
    .filter((place): place is Place => place.region !== undefined)
    .sort((a, b) => b.value - a.value);
}

function option(places: Place[], spec: TileSpec, unit: (px: number) => number, size: { width: number; height: number }, label: (place: Place) => string): Option {
  const most = places[0]?.value || 1;
  const position = { map: MAP, roam: false, silent: true, layoutSize: Math.min(size.width, size.height * ASPECT) * 0.99, aspectScale: 0.78 };
  const accent = theme("--accent");
  // Roots even out the skew between the coast and the rest.
  const fill = (value: number): string => blend(COLOURS, Math.sqrt(value / most));
  const inset = { name: INSET, itemStyle: { areaColor: "transparent", borderColor: fade(accent, 0.5) }, label: { show: false } };
  return {
    textStyle: { fontFamily: theme("--font") },
    geo: [
      // Below: the slab's side, with the glow around the country.
      {
        ...position, layoutCenter: ["50%", `${50 + (unit(9) / size.height) * 100}%`], z: 0,
        itemStyle: { areaColor: "#061230", borderColor: fade(accent, 0.25), borderWidth: unit(1), shadowColor: fade(accent, 0.55), shadowBlur: unit(26) },
        regions: [{ ...inset, itemStyle: { areaColor: "transparent", borderColor: "transparent", shadowBlur: 0 } }],
      },
      {
        ...position, layoutCenter: ["50%", "50%"], z: 1,
        itemStyle: { areaColor: COLOURS[0], borderColor: fade(accent, 0.55), borderWidth: unit(0.9) },
        regions: [inset, ...places.map((p) => ({ name: p.region.name, itemStyle: { areaColor: fill(p.value) } }))],
      },
    ],
    series: [pulses(places.slice(0, spec.highlight ?? PULSES), most, unit, label)],
  };
}

function pulses(places: Place[], most: number, unit: (px: number) => number, label: (place: Place) => string): object {
  const colour = theme("--highlight");
  return {
    type: calm() ? "scatter" : "effectScatter",
    coordinateSystem: "geo",
    geoIndex: 1,
    zlevel: 1,
    silent: true,
    rippleEffect: { brushType: "stroke", scale: 3.2, period: 3.6, number: 2 },
    data: places.map((place) => ({
      name: place.region.name,
      value: [...place.region.capital, place.value],
      symbolSize: unit(6 + 7 * Math.sqrt(place.value / most)),
      label: { formatter: label(place) },
    })),
    itemStyle: { color: colour, shadowColor: colour, shadowBlur: unit(12) },
    label: {
      show: true,
      position: "right",
      distance: unit(9),
      fontSize: unit(13),
      color: "#eaf6ff",
      backgroundColor: "rgba(4,12,36,.72)",
      borderColor: fade(colour, 0.35),
      borderWidth: unit(1),
      borderRadius: unit(4),
      padding: [unit(4), unit(7)],
      rich: { value: { color: colour, fontSize: unit(13), fontWeight: 600 } },
    },
    labelLayout: { moveOverlap: "shiftY", hideOverlap: false },
  };
}
