// Shares of a whole: a ring (or a rose) with its legend.
import { el, setText, theme } from "../dom";
import { toNumber } from "../format";
import { ranked } from "../rows";
import type { TileSpec } from "../spec";
import type { Table } from "../store";
import { Chart, fade, palette } from "./chart";
import type { Context, View } from "./tile";

const LIMIT = 8;
const OTHER_COLOUR = "#64748b";
/** Steps of a share of the whole. */
const STEPS = 1000;

interface Slice {
  name: string;
  value: number;
  colour: string;
}

export function pieTile(spec: TileSpec, host: HTMLElement, { formatter, words }: Context): View {
  const rose = spec.style === "rose";
  const sum = el("span", "sum");
  const centre = el("div", "centre", sum, el("span", "caption", words.total));
  const ring = el("div", "ring", ...(rose ? [] : [centre]));
  const legend = el("ul", "legend");
  host.append(ring, legend);
  // A name keeps its colour when slices change places.
  const colours = new Map<string, string>();
  let slices: Slice[] = [];
  let drawn = "";
  const chart = new Chart(ring, (unit) => ({
    series: [
      {
        type: "pie",
        silent: true,
        radius: rose ? ["22%", "94%"] : ["70%", "94%"],
        ...(rose ? { roseType: "radius" } : {}),
        padAngle: 1.6,
        label: { show: false },
        data: slices.map(({ name, value, colour }) => ({
          name,
          value,
          itemStyle: { color: colour, borderRadius: unit(3), shadowBlur: unit(8), shadowColor: fade(colour, 0.35) },
        })),
      },
    ],
  }));
  return {
    update(table: Table) {
      slices = toSlices(spec, table, colours, words.other);
      const total = slices.reduce((all, slice) => all + slice.value, 0);
      setText(sum, `${spec.prefix ?? ""}${formatter.compact(total, 2)}`);
      while (legend.children.length > slices.length) legend.lastElementChild?.remove();
      slices.forEach((slice, index) => {
        const item = legend.children[index] ?? legend.appendChild(el("li", "", el("i"), el("span", "name"), el("b")));
        const [dot, name, share] = item.children as unknown as HTMLElement[];
        if (!dot || !name || !share) return;
        dot.style.background = slice.colour;
        setText(name, slice.name);
        setText(share, `${((slice.value / (total || 1)) * 100).toFixed(1)}%`);
      });
      // A slice that grew by less than anybody can see is no reason to draw.
      const shares = slices.map((slice) => `${slice.name} ${((slice.value / (total || 1)) * STEPS).toFixed(0)}`).join();
      if (shares !== drawn) {
        drawn = shares;
        chart.draw();
      }
    },
    resize: () => chart.resize(),
  };
}

/** The first rows, and all others as one slice: the ring is always the whole. */
function toSlices(spec: TileSpec, table: Table, colours: Map<string, string>, other: string): Slice[] {
  const [label, value] = [table.index(spec.label ?? ""), table.index(spec.value ?? "")];
  const all = palette();
  const { limit = LIMIT, ...unlimited } = spec;
  const rows = ranked(unlimited, table);
  const slices = rows.slice(0, limit).map((row) => {
    const name = String(row[label]);
    const colour = colours.get(name) ?? all[colours.size % all.length] ?? theme("--accent");
    colours.set(name, colour);
    return { name, value: toNumber(row[value]), colour };
  });
  const rest = rows.slice(limit).reduce((sum, row) => sum + toNumber(row[value]), 0);
  return rest > 0 ? [...slices, { name: other, value: rest, colour: OTHER_COLOUR }] : slices;
}
