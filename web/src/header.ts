// The head of the screen: title, clock, connection, epoch and update rate.
import { el, setText } from "./dom";
import type { Formatter } from "./format";
import type { ScreenSpec } from "./spec";
import type { Job } from "./store";
import type { Connection } from "./stream";
import type { Words } from "./words";

/** Seconds over which the update rate is taken. */
const RATE_SECONDS = 5;

export class Header {
  readonly root: HTMLElement;
  private readonly state = el("span", "state");
  private readonly epochText = el("b", "", "–");
  private readonly rateText = el("b", "", "0");
  private readonly date = el("span", "date");
  private readonly time = el("time", "time");
  private arrivals: number[] = [];
  private heard = 0;
  private connection: Connection = "connecting";
  private job: Job = { state: "running" };

  constructor(
    spec: ScreenSpec,
    private readonly formatter: Formatter,
    private readonly words: Words,
  ) {
    const figures = el("span", "figures", el("span", "", `${words.epoch} `, this.epochText), el("span", "", this.rateText, ` ${words.rate}`));
    this.state.setAttribute("role", "status");
    this.root = el(
      "header",
      "",
      el("div", "side left", this.state, figures),
      el("h1", "", el("span", "title", spec.title), el("span", "subtitle", spec.subtitle ?? "")),
      el("div", "side right", this.date, this.time),
    );
    this.showState();
    this.tick();
    setInterval(() => this.tick(), 500);
  }

  /** A frame has arrived, made at `nowMs`. The server's clock counts: a busy page reads frames late and in bunches. */
  arrived(nowMs: number): void {
    if (nowMs < (this.arrivals.at(-1) ?? 0)) this.arrivals = [];
    this.arrivals.push(nowMs);
    this.arrivals = this.arrivals.filter((at) => nowMs - at < RATE_SECONDS * 1000);
    this.heard = performance.now();
  }

  epoch(epoch: number): void {
    setText(this.epochText, epoch.toLocaleString("en"));
  }

  connected(connection: Connection, job: Job): void {
    if (connection === this.connection && job.state === this.job.state) return;
    [this.connection, this.job] = [connection, job];
    this.showState();
  }

  private showState(): void {
    const name = this.connection === "live" && this.job.state !== "running" ? this.job.state : this.connection;
    this.state.className = `state ${name}`;
    this.state.title = this.job.error ?? "";
    setText(this.state, this.words[name]);
  }

  private tick(): void {
    const silent = performance.now() - this.heard > RATE_SECONDS * 1000;
    const seconds = Math.max(1000, (this.arrivals.at(-1) ?? 0) - (this.arrivals[0] ?? 0)) / 1000;
    setText(this.rateText, silent ? "0" : String(Math.round((this.arrivals.length - 1) / seconds)));
    const { date, time } = this.formatter.clock(Date.now());
    setText(this.date, date);
    setText(this.time, time);
  }
}
