// Lists whose rows glide to their places: the ranking and the feed.
import { el, rem, setText } from "../dom";
import { toNumber } from "../format";
import { ranked } from "../rows";
import type { ColumnSpec, TileSpec } from "../spec";
import type { Row, Table } from "../store";
import type { Context, View } from "./tile";

const RANK_LIMIT = 8;
const FEED_LIMIT = 10;
/** Lowest rows that can still be read. */
const RANK_ROW_REM = 2.3;
const FEED_ROW_REM = 1.85;

/** Rows by key, each at a place that is a multiple of its own height. */
class GlidingList {
  private readonly items = new Map<string, HTMLElement>();
  private readonly list = el("ol", "gliding");

  /** At most `most` rows, fewer where they would be lower than `rowRem`; `refill` is called when that changes. */
  constructor(
    host: HTMLElement,
    private readonly most: number,
    private readonly rowRem: number,
    refill: () => void,
  ) {
    host.append(this.list);
    let before = this.places();
    new ResizeObserver(() => {
      if (this.places() !== before) refill();
      before = this.places();
    }).observe(this.list);
  }

  /** How many rows there is room for. */
  places(): number {
    const fits = Math.floor(this.list.clientHeight / (this.rowRem * rem()));
    const places = Math.max(1, Math.min(this.most, fits));
    this.list.style.setProperty("--places", String(places));
    return places;
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
        this.items.set(key, item);
        this.list.append(item);
      }
      item.style.setProperty("--place", String(index));
      fill(item, index);
    });
    // The first rows are simply there; later ones come in.
    requestAnimationFrame(() => this.list.classList.add("settled"));
  }
}

/** A ranking: place, name, bar, value. */
export function rankTile(spec: TileSpec, host: HTMLElement, { formatter }: Context): View {
  let table: Table | undefined;
  const make = (): HTMLElement =>
    el("li", "rank-row", el("span", "place"), el("span", "name"), el("span", "amount"), el("span", "bar", el("i")));
  const view: View = {
    update(next) {
      table = next;
      const rows = ranked({ ...spec, limit: list.places() }, next);
      const [label, value] = [next.index(spec.label ?? ""), next.index(spec.value ?? "")];
      const most = Math.max(...rows.map((row) => toNumber(row[value])), 0) || 1;
      const keys = rows.map((row) => String(row[label]));
      list.set(keys, make, (item, index) => {
        const [place, name, amount, bar] = item.children as unknown as HTMLElement[];
        const row = rows[index];
        if (!place || !name || !amount || !bar || !row) return;
        item.classList.toggle("top", index < 3);
        setText(place, String(index + 1));
        setText(name, String(row[label]));
        setText(amount, formatter.text(row[value], next.type(spec.value ?? ""), spec));
        (bar.firstChild as HTMLElement).style.transform = `scaleX(${Math.max(0, toNumber(row[value]) / most).toFixed(4)})`;
      });
    },
  };
  const list = new GlidingList(host, spec.limit ?? RANK_LIMIT, RANK_ROW_REM, () => table && view.update(table));
  return view;
}

/** The newest rows of an append table, newest on top. */
export function feedTile(spec: TileSpec, host: HTMLElement, context: Context): View {
  let columns: ColumnSpec[] = [];
  let shown: Table | undefined;
  const make = (): HTMLElement => el("li", "feed-row", ...columns.map(() => el("span")));
  const view: View = {
    update(table) {
      if (table !== shown) {
        shown = table;
        columns = spec.columns ?? table.columns.map(({ name }) => ({ column: name }));
      }
      const rows = table.rows().slice(-list.places()).reverse();
      const last = table.appended - 1;
      const keys = rows.map((row, index) => (table.mode === "append" ? String(last - index) : JSON.stringify(row)));
      list.set(keys, make, (item, index) => fillCells([...item.children] as HTMLElement[], columns, rows[index], table, context));
    },
  };
  const list = new GlidingList(host, spec.limit ?? FEED_LIMIT, FEED_ROW_REM, () => shown && view.update(shown));
  return view;
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
