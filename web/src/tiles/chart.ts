// ECharts, only the parts in use, and what all charts share.
import { BarChart, LineChart, PieChart, ScatterChart } from "echarts/charts";
import { GeoComponent, GridComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer } from "echarts/renderers";
import type { EChartsCoreOption } from "echarts/core";
import { calm, el, rem, theme } from "../dom";

echarts.use([BarChart, CanvasRenderer, GeoComponent, GridComponent, LabelLayout, LineChart, PieChart, ScatterChart]);

export { echarts };
export type Option = EChartsCoreOption;

/** Series colours after the theme's accent: told apart by hue and by lightness. */
const PALETTE = ["#3b82f6", "#a78bfa", "#f472b6", "#fb923c", "#fde047", "#4ade80", "#94a3b8", "#e879f9", "#38bdf8", "#f87171"];

/** Changes closer together are not animated. */
const ANIMATE_AFTER_MS = 900;

/** Colours of series and slices. */
export function palette(): string[] {
  const accent = theme("--accent");
  return [accent, ...PALETTE.filter((colour) => colour !== accent.toLowerCase())];
}

/** A chart that keeps its last option, so that it can be drawn anew at another scale. */
export class Chart {
  private readonly chart: echarts.ECharts;
  private drawnAt = -Infinity;
  private drawn = false;

  /** `option` builds the whole option; it is asked again at every change. */
  constructor(
    host: HTMLElement,
    private readonly option: (unit: (px: number) => number, size: { width: number; height: number }) => Option,
  ) {
    const canvas = el("div", "canvas");
    host.append(canvas);
    this.chart = echarts.init(canvas, undefined, { renderer: "canvas" });
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  draw(): void {
    const size = this.size();
    // Without room there is nothing to draw, and a map of no size has no way back from pixels to places.
    if (size.width < 2 || size.height < 2) return;
    const scale = rem() / 16;
    const unit = (px: number): number => px * scale;
    // A chart that changes all the time moves anyway: to animate each change would only cost.
    const now = performance.now();
    const animation = !calm() && now - this.drawnAt > ANIMATE_AFTER_MS;
    this.drawnAt = now;
    this.drawn = true;
    this.chart.setOption({ animation, animationDuration: 600, animationDurationUpdate: 400, ...this.option(unit, size) });
  }

  size(): { width: number; height: number } {
    return { width: this.chart.getWidth(), height: this.chart.getHeight() };
  }

  /** Where a longitude and latitude lie, in pixels from the chart's upper left corner. */
  pixel(place: [number, number]): [number, number] | undefined {
    if (!this.drawn) return undefined;
    const point = this.chart.convertToPixel({ geoIndex: 1 }, place) as [number, number] | undefined;
    return point && Number.isFinite(point[0]) && Number.isFinite(point[1]) ? point : undefined;
  }

  resize(): void {
    this.chart.resize();
    this.draw();
  }
}

/** `#rrggbb` with an opacity. */
export function fade(colour: string, alpha: number): string {
  const [r = 0, g = 0, b = 0] = channels(colour);
  return `rgba(${r},${g},${b},${alpha})`;
}

/** The colour at `t` (0 to 1) of a row of colours. */
export function blend(stops: string[], t: number): string {
  const place = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const index = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [channels(stops[index] ?? "#000000"), channels(stops[index + 1] ?? "#000000")];
  return `rgb(${from.map((c, i) => Math.round(c + ((to[i] ?? c) - c) * (place - index))).join(",")})`;
}

function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) || 0);
}
