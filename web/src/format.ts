// Values as text. Decimals arrive as strings and stay exact: they are grouped and rounded as text.
import type { ValueStyle } from "./spec";
import type { Cell } from "./store";

/** Language and time zone of the screen. */
export class Formatter {
  private readonly formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

  constructor(
    readonly locale: string,
    private readonly timeZone: string | undefined,
    /** Whether times without zone are moments in UTC. */
    private readonly utc: boolean,
  ) {}

  /** A cell of a column of type `type`. */
  text(value: Cell | undefined, type: string, style: ValueStyle): string {
    if (value === null || value === undefined) return "–";
    return `${style.prefix ?? ""}${this.bare(value, type, style)}${style.suffix ?? ""}`;
  }

  /** As `text`, without prefix and suffix. */
  bare(value: Cell | undefined, type: string, style: ValueStyle): string {
    if (value === null || value === undefined) return "–";
    if (type.startsWith("timestamp") && typeof value === "number") return this.time(value, type, style.format ?? "datetime");
    if (type !== "integer" && type !== "decimal" && type !== "float") {
      return typeof value === "object" ? JSON.stringify(value) : String(value);
    }
    if (style.format === "compact") return this.compact(toNumber(value), style.decimals);
    if (style.format === "percent") return `${group(round(shiftTwo(value), style.decimals ?? 1))}%`;
    const digits = style.decimals ?? (type === "integer" ? 0 : type === "float" ? 2 : undefined);
    return group(digits === undefined ? String(value) : round(plain(value), digits));
  }

  /** Shortened: 1.2亿, 3.4M. */
  compact(value: number, decimals?: number): string {
    const options: Intl.NumberFormatOptions = {
      notation: "compact",
      minimumFractionDigits: decimals ?? 0,
      maximumFractionDigits: decimals ?? 2,
    };
    const key = `compact ${decimals}`;
    const format = this.cached(key, () => new Intl.NumberFormat(this.locale, options)) as Intl.NumberFormat;
    return format.format(value);
  }

  /** A time in milliseconds. One without zone is wall time, which travels as if it were UTC. */
  time(ms: number, type: string, form: string): string {
    const date: Intl.DateTimeFormatOptions = { month: "2-digit", day: "2-digit" };
    const time: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    const zone = type === "timestamp" && !this.utc ? "UTC" : this.timeZone;
    const options = { ...(form === "time" ? {} : date), ...time, ...(zone ? { timeZone: zone } : {}) };
    const format = this.cached(`${form} ${zone}`, () => new Intl.DateTimeFormat(this.locale, options));
    return (format as Intl.DateTimeFormat).format(ms);
  }

  /** Date and time of the header's clock. */
  clock(ms: number): { date: string; time: string } {
    const zone = this.timeZone ? { timeZone: this.timeZone } : {};
    const date = this.cached("clock", () => {
      const parts = { year: "numeric", month: "2-digit", day: "2-digit", weekday: "short" } as const;
      return new Intl.DateTimeFormat(this.locale, { ...parts, ...zone });
    }) as Intl.DateTimeFormat;
    return { date: date.format(ms), time: this.time(ms, "timestamp_ltz", "time") };
  }

  private cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
    const found = this.formats.get(key) ?? make();
    this.formats.set(key, found);
    return found as T;
  }
}

/** A numeric cell as a number, for lengths and colours. */
export function toNumber(value: Cell | undefined): number {
  const number = typeof value === "number" ? value : typeof value === "string" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : 0;
}

/** Digits without exponent. */
function plain(value: Cell): string {
  const text = String(value);
  if (!/e/i.test(text)) return text;
  return Number(text).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 20 });
}

/** Times 100, by moving the point. */
function shiftTwo(value: Cell): string {
  const [sign, whole, fraction] = parts(plain(value));
  const padded = fraction.padEnd(2, "0");
  const digits = `${whole}${padded.slice(0, 2)}`.replace(/^0+(?=\d)/, "");
  return `${sign}${digits}${padded.length > 2 ? `.${padded.slice(2)}` : ""}`;
}

/** Rounds half away from zero to so many digits after the point. */
export function round(text: string, digits: number): string {
  const [sign, whole, fraction] = parts(text);
  if (!/^\d+$/.test(whole)) return text;
  const kept = BigInt(whole + fraction.slice(0, digits).padEnd(digits, "0"));
  const rounded = Number(fraction[digits] ?? 0) >= 5 ? kept + 1n : kept;
  const all = rounded.toString().padStart(digits + 1, "0");
  return sign + (digits ? `${all.slice(0, -digits)}.${all.slice(-digits)}` : all);
}

/** Thousands separators. */
export function group(text: string): string {
  const [sign, whole, fraction] = parts(text);
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction ? `.${fraction}` : "");
}

function parts(text: string): [string, string, string] {
  const sign = text.startsWith("-") ? "-" : "";
  const [whole = "0", fraction = ""] = text.slice(sign.length).split(".");
  return [sign, whole, fraction];
}
