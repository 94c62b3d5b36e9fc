// The screen description, as GET /api/screen sends it. The server has checked it against the tables.

export type Format = "plain" | "compact" | "percent" | "time" | "datetime";

/** How a value is written. */
export interface ValueStyle {
  format?: Format;
  decimals?: number;
  prefix?: string;
  suffix?: string;
}

export interface ColumnSpec extends ValueStyle {
  column: string;
  title?: string;
}

export interface TileSpec extends ValueStyle {
  type: "number" | "line" | "bar" | "pie" | "table" | "map" | "feed";
  table: string;
  title?: string;
  at?: { column: number; row: number; width: number; height: number };
  style?: string;
  value?: string;
  label?: string;
  x?: string;
  y?: string;
  series?: string;
  columns?: ColumnSpec[];
  latest?: string;
  sort?: { by: string; order: "asc" | "desc" };
  limit?: number;
  sparkline?: boolean;
  max?: number;
  highlight?: number;
}

export interface ScreenSpec {
  title: string;
  subtitle?: string;
  locale: "zh-CN" | "en";
  "time-zone"?: string;
  timestamps: "wall" | "utc";
  theme: { accent?: string; highlight?: string; background?: string };
  grid: { columns: number; rows: number };
  tiles: TileSpec[];
}
