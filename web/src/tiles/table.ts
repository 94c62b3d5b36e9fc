// Rows and columns.
import { el } from "../dom";
import { ranked } from "../rows";
import type { ColumnSpec, TileSpec } from "../spec";
import { fillCells } from "./list";
import type { Context, View } from "./tile";

const LIMIT = 12;

export function tableTile(spec: TileSpec, host: HTMLElement, context: Context): View {
  const head = el("tr");
  const body = el("tbody");
  host.append(el("div", "scroll", el("table", "", el("thead", "", head), body)));
  return {
    update(table) {
      const columns: ColumnSpec[] = spec.columns ?? table.columns.map(({ name }) => ({ column: name }));
      const newestFirst = table.mode === "append" && !spec.sort && !spec.value;
      const limit = spec.limit ?? LIMIT;
      const rows = newestFirst ? table.rows().slice(-limit).reverse() : ranked({ ...spec, limit }, table);
      head.replaceChildren(...columns.map((c) => el("th", "", c.title ?? c.column)));
      while (body.children.length > rows.length) body.lastElementChild?.remove();
      rows.forEach((row, index) => {
        const line = body.children[index] ?? body.appendChild(el("tr"));
        while (line.children.length < columns.length) line.append(el("td"));
        fillCells([...line.children] as HTMLElement[], columns, row, table, context);
      });
    },
  };
}
