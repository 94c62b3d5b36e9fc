// Digits that roll like those of a mileage counter.
import { calm, el } from "../dom";

/** How fast a digit runs after its value: share of the way left per millisecond. */
const CHASE_PER_MS = 0.009;
/** A digit never lags more than so many steps behind. */
const LAG_MAX = 9;

interface Digit {
  strip: HTMLElement;
  /** Where the digit stands and where it goes; both grow without bound, the digit shown is modulo ten. */
  at: number;
  target: number;
}

export class Odometer {
  readonly root = el("div", "odometer");
  private shape = "";
  private digits: Digit[] = [];
  private running = false;
  private last = 0;
  private value = Number.NaN;

  constructor() {
    this.root.setAttribute("aria-hidden", "true");
  }

  /** Shows a text of digits and separators. */
  set(text: string): void {
    const shape = text.replace(/\d/g, "0");
    const grown = shape !== this.shape;
    if (grown) this.build(text, shape);
    const value = Number(text.replace(/[^\d.-]/g, ""));
    const down = value < this.value;
    this.value = value;
    const wanted = text.replace(/\D/g, "");
    this.digits.forEach((digit, index) => {
      const now = ((digit.target % 10) + 10) % 10;
      const next = Number(wanted[index]);
      digit.target += down ? -((now - next + 10) % 10) : (next - now + 10) % 10;
      const lag = digit.target - digit.at;
      if (Math.abs(lag) > LAG_MAX) digit.at = digit.target - Math.sign(lag) * LAG_MAX;
      if (grown || calm()) digit.at = digit.target;
    });
    this.run();
  }

  /** Width of the digits and separators in ems, with room for a prefix. */
  ems(): number {
    return 0.9 + 0.94 * this.digits.length + 0.25 * (this.shape.length - this.digits.length);
  }

  private build(text: string, shape: string): void {
    this.shape = shape;
    this.digits = [];
    this.root.replaceChildren(
      ...[...text].map((char) => {
        if (!/\d/.test(char)) return el("span", "separator", char);
        const strip = el("span", "strip", ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0].map((d) => el("span", "", String(d))));
        this.digits.push({ strip, at: 0, target: 0 });
        return el("span", "digit", strip);
      }),
    );
  }

  private run(): void {
    if (this.running) return;
    this.running = true;
    this.last = performance.now();
    requestAnimationFrame((now) => this.step(now));
  }

  private step(now: number): void {
    const share = 1 - Math.exp(-CHASE_PER_MS * Math.max(0, now - this.last));
    this.last = now;
    let moving = false;
    for (const digit of this.digits) {
      const left = digit.target - digit.at;
      digit.at = Math.abs(left) < 0.004 ? digit.target : digit.at + left * share;
      moving ||= digit.at !== digit.target;
      digit.strip.style.transform = `translateY(${(-(((digit.at % 10) + 10) % 10) / 11) * 100}%)`;
    }
    this.running = moving;
    if (moving) requestAnimationFrame((later) => this.step(later));
  }
}
