// Lists whose rows glide to their places: the ranking and the feed.
import { el, setText } from "../dom";
import { toNumber } from "../format";
import { ranked } from "../rows";
import type { ColumnSpec, TileSpec } from "../spec";
import type { Row, Table } from "../store";
import type { Context, View } from "./tile";

const RANK_LIMIT = 8;
const FEED_LIMIT = 10;

/** Rows by key, each at a place that is a multiple of its own height. */
class GlidingList {
  private readonly items = new Map<string, HTMLElement>();
  private readonly list = el("ol", "gliding");

  constructor(host: HTMLElement, places: number) {
    this.list.style.setProperty("--places", String(places));
    host.append(this.list);
  }

  /** Brings the list to `keys`; `make` builds a row that is new, `fill` writes into each. */
  set(keys: string[], make: () => HTMLElement, fill: (item: HTMLElement, index: number) => void): void {
    const wanted = new Set(keys);
    for (const [key, item] of this.items) {
      if (wanted.has(key)) continue;
      item.classList.add("leaving");
      item.addEventListener("transitionend", () => item.remove(), { once: true });
      setTimeout(() => item.remove(), 600);
      this.items.delete(key);
    }
    keys.forEach((key, index) => {
      let item = this.items.get(key);
      if (!item) {
        item = make();
        item.classList.add("entering");
        this.items.set(key, item);
        this.list.append(item);
        requestAnimationFrame(() => requestAnimationFrame(() => item?.classList.remove("entering")));
      }
      item.style.setProperty("--place", String(index));
      fill(item, index);
    });
  }
}

/** A ranking: place, name, bar, value. */
export function rankTile(spec: TileSpec, host: HTMLElement, { formatter }: Context): View {
  const limit = spec.limit ?? RANK_LIMIT;
  const list = new GlidingList(host, limit);
  const make = (): HTMLElement =>
    el("li", "rank-row", el("span", "place"), el("span", "name"), el("span", "amount"), el("span", "bar", el("i")));
  return {
    update(table) {
      const rows = ranked({ ...spec, limit }, table);
      const [label, value] = [table.index(spec.label ?? ""), table.index(spec.value ?? "")];
      const most = Math.max(...rows.map((row) => toNumber(row[value])), 0) || 1;
      const keys = rows.map((row) => String(row[label]));
      list.set(keys, make, (item, index) => {
        const [place, name, amount, bar] = item.children as unknown as HTMLElement[];
        const row = rows[index];
        if (!place || !name || !amount || !bar || !row) return;
        item.classList.toggle("top", index < 3);
        setText(place, String(index + 1));
        setText(name, String(row[label]));
        setText(amount, formatter.text(row[value], table.type(spec.value ?? ""), spec));
        (bar.firstChild as HTMLElement).style.transform = `scaleX(${Math.max(0, toNumber(row[value]) / most).toFixed(4)})`;
      });
    },
  };
}

/** The newest rows of an append table, newest on top. */
export function feedTile(spec: TileSpec, host: HTMLElement, context: Context): View {
  const limit = spec.limit ?? FEED_LIMIT;
  const list = new GlidingList(host, limit);
  let columns: ColumnSpec[] = [];
  let shown: Table | undefined;
  const make = (): HTMLElement => el("li", "feed-row", ...columns.map(() => el("span")));
  return {
    update(table) {
      if (table !== shown) {
        shown = table;
        columns = spec.columns ?? table.columns.map(({ name }) => ({ column: name }));
      }
      const rows = table.rows().slice(-limit).reverse();
      const last = table.appended - 1;
      const keys = rows.map((row, index) => (table.mode === "append" ? String(last - index) : JSON.stringify(row)));
      list.set(keys, make, (item, index) => fillCells([...item.children] as HTMLElement[], columns, rows[index], table, context));
    },
  };
}

/** Writes a row's columns into elements, with their type as class. */
export function fillCells(cells: HTMLElement[], columns: ColumnSpec[], row: Row | undefined, table: Table, { formatter }: Context): void {
  columns.forEach((column, index) => {
    const cell = cells[index];
    if (!cell) return;
    const type = table.type(column.column);
    cell.className = type === "decimal" || type === "integer" || type === "float" ? "numeric" : type.startsWith("timestamp") ? "time" : "text";
    setText(cell, formatter.text(row?.[table.index(column.column)], type, column));
  });
}
