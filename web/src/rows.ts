// Which rows a tile shows, and in which order.
import { toNumber } from "./format";
import type { TileSpec } from "./spec";
import type { Cell, Row, Table } from "./store";

/** Rows of the newest window only, when the tile asks for it. */
export function latest(tile: TileSpec, table: Table): Row[] {
  const rows = table.rows();
  if (!tile.latest) return rows;
  const at = table.index(tile.latest);
  const newest = rows.reduce<Cell | undefined>((max, row) => (max === undefined || compare(row[at], max) > 0 ? row[at] : max), undefined);
  return rows.filter((row) => compare(row[at], newest) === 0);
}

/** Latest rows in the tile's order (default: greatest value first), cut to its limit. */
export function ranked(tile: TileSpec, table: Table): Row[] {
  const rows = [...latest(tile, table)];
  const by = tile.sort?.by ?? tile.value;
  if (by !== undefined) {
    const at = table.index(by);
    const sign = tile.sort?.order === "asc" ? 1 : -1;
    rows.sort((a, b) => sign * compare(a[at], b[at]));
  }
  return rows.slice(0, tile.limit);
}

/** The newest row: the last appended, or the one with the greatest `latest` column. */
export function newest(tile: TileSpec, table: Table): Row | undefined {
  return latest(tile, table).at(-1);
}

function compare(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === "string" && typeof b === "string" && (Number.isNaN(Number(a)) || Number.isNaN(Number(b)))) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return toNumber(a) - toNumber(b);
}
