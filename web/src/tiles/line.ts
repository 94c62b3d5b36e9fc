// Values over time, or vertical bars.
import { theme } from "../dom";
import { toNumber } from "../format";
import { ranked } from "../rows";
import type { TileSpec } from "../spec";
import type { Table } from "../store";
import { Chart, echarts, fade, palette, type Option } from "./chart";
import type { Context, View } from "./tile";

const LINE_LIMIT = 300;
const BAR_LIMIT = 12;
/** Room for the names of series, at 1080p. */
const LABEL_PX = 110;

export function lineTile(spec: TileSpec, host: HTMLElement, { formatter }: Context): View {
  let table: Table | undefined;
  const chart = new Chart(host, (unit) => {
    if (!table) return {};
    const type = table.type(spec.x ?? "");
    const time = type.startsWith("timestamp");
    return {
      ...frame(unit, named(spec) ? LABEL_PX : 18),
      xAxis: {
        ...axis(unit),
        type: time ? "time" : "category",
        boundaryGap: false,
        splitLine: { show: false },
        axisLabel: {
          ...axis(unit).axisLabel,
          hideOverlap: true,
          ...(time ? { formatter: (ms: number) => formatter.time(ms, type, "time").slice(0, 8) } : {}),
        },
        splitNumber: 4,
      },
      yAxis: valueAxis(unit, (value) => formatter.compact(value)),
      series: series(spec, table, unit),
    };
  });
  return {
    update(next) {
      table = next;
      chart.draw();
    },
    resize: () => chart.resize(),
  };
}

function series(spec: TileSpec, table: Table, unit: (px: number) => number): unknown[] {
  const [x, y, by] = [spec.x, spec.y, spec.series].map((c) => (c === undefined ? -1 : table.index(c)));
  const groups = new Map<string, unknown[]>();
  for (const row of table.rows().slice(-(spec.limit ?? LINE_LIMIT))) {
    const name = by === undefined || by < 0 ? "" : String(row[by]);
    const points = groups.get(name) ?? [];
    groups.set(name, points);
    points.push([row[x ?? -1], toNumber(row[y ?? -1])]);
  }
  const colours = palette();
  return [...groups].sort().flatMap(([name, data], index) => {
    const colour = colours[index % colours.length] ?? theme("--accent");
    const dot = {
      id: `${name} now`,
      type: "scatter",
      data: data.slice(-1),
      symbolSize: unit(9),
      itemStyle: { color: "#fff", borderColor: colour, borderWidth: unit(2.5), shadowColor: colour, shadowBlur: unit(14) },
      silent: true,
    };
    const line = {
      name,
      id: name,
      type: "line",
      data,
      smooth: 0.3,
      showSymbol: false,
      lineStyle: { width: unit(2.5), color: colour, shadowColor: fade(colour, 0.7), shadowBlur: unit(10) },
      endLabel: { show: named(spec), formatter: name, color: colour, fontSize: unit(12), width: unit(LABEL_PX - 18), overflow: "truncate" },
      labelLayout: { moveOverlap: "shiftY" },
      ...(spec.style === "line" ? {} : { areaStyle: { color: gradient(fade(colour, 0.45), fade(colour, 0.02)) } }),
      emphasis: { disabled: true },
      silent: true,
    };
    return [line, dot];
  });
}

export function columnsTile(spec: TileSpec, host: HTMLElement, { formatter }: Context): View {
  let table: Table | undefined;
  const chart = new Chart(host, (unit) => {
    if (!table) return {};
    const rows = ranked({ ...spec, limit: spec.limit ?? BAR_LIMIT }, table);
    const [label, value] = [table.index(spec.label ?? ""), table.index(spec.value ?? "")];
    const accent = theme("--accent");
    return {
      ...frame(unit),
      xAxis: { ...axis(unit), type: "category", data: rows.map((row) => String(row[label])) },
      yAxis: valueAxis(unit, (number) => formatter.compact(number)),
      series: [
        {
          type: "bar",
          silent: true,
          barMaxWidth: unit(28),
          data: rows.map((row) => toNumber(row[value])),
          itemStyle: { color: gradient(accent, fade(accent, 0.15)), borderRadius: [unit(4), unit(4), 0, 0] },
        },
      ],
    };
  });
  return {
    update(next) {
      table = next;
      chart.draw();
    },
    resize: () => chart.resize(),
  };
}

function gradient(top: string, bottom: string): unknown {
  return new echarts.graphic.LinearGradient(0, 0, 0, 1, [
    { offset: 0, color: top },
    { offset: 1, color: bottom },
  ]);
}

/** Lines of several series carry their names at the end. */
function named(spec: TileSpec): boolean {
  return spec.series !== undefined;
}

function frame(unit: (px: number) => number, right = 18): object {
  return { grid: { left: unit(6), right: unit(right), top: unit(14), bottom: unit(4), outerBoundsMode: "same" }, textStyle: { fontFamily: theme("--font") } };
}

function axis(unit: (px: number) => number): Option & { axisLabel: object } {
  return {
    axisLine: { lineStyle: { color: "rgba(148,184,255,.25)", width: unit(1) } },
    axisTick: { show: false },
    axisLabel: { color: theme("--dim"), fontSize: unit(12), margin: unit(10) },
  };
}

function valueAxis(unit: (px: number) => number, formatter: (value: number) => string): object {
  return {
    ...axis(unit),
    type: "value",
    splitNumber: 3,
    axisLine: { show: false },
    axisLabel: { ...axis(unit).axisLabel, formatter },
    splitLine: { lineStyle: { color: "rgba(148,184,255,.10)", width: unit(1) } },
  };
}
