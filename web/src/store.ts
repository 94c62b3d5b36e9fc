// The tables as the server last showed them: schema, snapshot and deltas applied, always at one epoch.

export type Cell = string | number | boolean | null | Cell[] | { [field: string]: Cell };
export type Row = Cell[];

export interface ColumnInfo {
  name: string;
  type: string;
}

interface TableSchema {
  columns: ColumnInfo[];
  mode: "append" | "upsert";
  key?: number[];
  rows?: number;
}

interface Delta {
  append?: Row[];
  upsert?: Row[];
  delete?: Row[];
  overflow?: number;
}

export interface Job {
  state: "running" | "ended" | "failed";
  error?: string;
}

export interface SchemaEvent {
  tables: Record<string, TableSchema>;
}

export interface EpochEvent {
  epoch: number;
  now_ms: number;
  snapshot?: boolean;
  job?: Job;
  tables: Record<string, Delta>;
}

/** One table. */
export class Table {
  /** Grows with every change of this table. */
  version = 0;
  /** Changes that the server left out because the table has too many keys. */
  overflow = 0;
  /** Rows ever appended: the last row is number `appended - 1`. */
  appended = 0;
  private list: Row[] = [];
  private keyed = new Map<string, Row>();
  private readonly at: Map<string, number>;

  constructor(
    readonly name: string,
    private readonly schema: TableSchema,
  ) {
    this.at = new Map(schema.columns.map((column, index) => [column.name, index]));
  }

  get columns(): ColumnInfo[] {
    return this.schema.columns;
  }

  get mode(): "append" | "upsert" {
    return this.schema.mode;
  }

  /** Rows: in order of arrival, or of the keys' first arrival. */
  rows(): Row[] {
    return this.mode === "append" ? this.list : [...this.keyed.values()];
  }

  index(column: string): number {
    return this.at.get(column) ?? -1;
  }

  type(column: string): string {
    return this.schema.columns[this.index(column)]?.type ?? "other";
  }

  clear(): void {
    this.list = [];
    this.keyed.clear();
    this.overflow = 0;
    this.version += 1;
  }

  apply(delta: Delta): void {
    for (const key of delta.delete ?? []) this.keyed.delete(JSON.stringify(key));
    for (const row of delta.upsert ?? []) {
      this.keyed.set(JSON.stringify((this.schema.key ?? []).map((index) => row[index])), row);
    }
    if (delta.append) {
      this.list = this.list.concat(delta.append).slice(-(this.schema.rows ?? 600));
      this.appended += delta.append.length;
    }
    this.overflow = delta.overflow ?? this.overflow;
    this.version += 1;
  }
}

/** All tables. */
export class Store {
  epoch = 0;
  nowMs = 0;
  job: Job = { state: "running" };
  tables = new Map<string, Table>();
  /** Set once the first snapshot is there. */
  ready = false;

  reshape(event: SchemaEvent): void {
    this.ready = false;
    this.tables = new Map(Object.entries(event.tables).map(([name, schema]) => [name, new Table(name, schema)]));
  }

  apply(event: EpochEvent): void {
    if (event.snapshot) for (const table of this.tables.values()) table.clear();
    for (const [name, delta] of Object.entries(event.tables)) this.tables.get(name)?.apply(delta);
    this.epoch = event.epoch;
    this.nowMs = event.now_ms;
    this.job = event.job ?? this.job;
    this.ready ||= event.snapshot === true;
  }
}
