// What every tile is: a panel that is told when its table has changed.
import { el, setText } from "../dom";
import type { Formatter } from "../format";
import type { TileSpec } from "../spec";
import type { Table } from "../store";
import type { Words } from "../words";

/** What tiles share. */
export interface Context {
  formatter: Formatter;
  words: Words;
}

/** The inside of a tile. */
export interface View {
  /** The table has changed. */
  update(table: Table): void;
  /** The tile's size or the page's scale has changed. */
  resize?(): void;
}

/** A panel with a title and a body. */
export class Panel {
  readonly root: HTMLElement;
  readonly body = el("div", "body");
  private readonly note = el("span", "note");
  private version = -1;
  private shown: Table | undefined;

  constructor(
    readonly spec: TileSpec,
    private readonly view: (host: HTMLElement) => View,
    private readonly words: Words,
  ) {
    const title = spec.title ? el("h2", "", el("span", "", spec.title), this.note) : undefined;
    this.root = el("section", `tile ${spec.type} ${spec.style ?? ""}`, title, this.body);
    this.root.dataset["table"] = spec.table;
    if (spec.title) this.root.setAttribute("aria-label", spec.title);
  }

  private made: View | undefined;

  /** Shows the table's state; cheap when nothing has changed. */
  update(table: Table, epoch: number): void {
    this.root.dataset["epoch"] = String(epoch);
    if (table === this.shown && table.version === this.version) return;
    [this.shown, this.version] = [table, table.version];
    this.root.classList.toggle("empty", table.rows().length === 0);
    setText(this.note, table.overflow > 0 ? this.words.overflow : "");
    this.inside().update(table);
  }

  resize(): void {
    this.made?.resize?.();
  }

  /** The inside is made when the panel stands in the page: charts need its size. */
  private inside(): View {
    this.made ??= this.view(this.body);
    return this.made;
  }
}
