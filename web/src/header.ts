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

  /** A frame has arrived. */
  arrived(): void {
    this.arrivals.push(performance.now());
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
    const now = performance.now();
    this.arrivals = this.arrivals.filter((at) => now - at < RATE_SECONDS * 1000);
    setText(this.rateText, String(Math.round(this.arrivals.length / Math.min(RATE_SECONDS, Math.max(1, now / 1000)))));
    const { date, time } = this.formatter.clock(Date.now());
    setText(this.date, date);
    setText(this.time, time);
  }
}
