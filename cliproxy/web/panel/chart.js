// Charts over time as SVG: bars that are stacked, or lines with gaps. Every chart can also be read as a table.

import { h, replace, svg } from "./dom.js";
import { clock } from "./format.js";

const HEIGHT = 168;
const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]; // seconds between two times at the edge
const EDGE = { top: 8, right: 16, bottom: 22, left: 48 };

/**
 * A chart. `kind`: "bars" or "lines"; `series`: [{name, tone, value: point => number|null}]; `format`: number -> text.
 * `show(points, step)` draws: points have `at` in Unix seconds, oldest first; step is their distance in seconds.
 */
export class Chart {
  constructor({ title, kind, series, format, signal }) {
    Object.assign(this, { title, kind, series, format });
    this.points = [];
    this.picked = null;
    this.readout = h("p", { class: "chart-readout" });
    this.picture = svg("svg", { class: "chart-picture", role: "img", tabindex: "0", height: HEIGHT });
    this.table = h(
      "details",
      { class: "chart-table", ontoggle: () => this.fillTable() },
      h("summary", {}, "As a table"),
      h("div", { class: "scroll" }),
    );
    this.node = h("figure", { class: "chart" }, h("figcaption", {}, title), this.readout, this.picture, this.table);
    this.picture.addEventListener("pointermove", (event) => this.pick(this.under(event)));
    this.picture.addEventListener("pointerleave", () => this.pick(null));
    this.picture.addEventListener("blur", () => this.pick(null));
    this.picture.addEventListener("keydown", (event) => this.key(event));
    const sizes = new ResizeObserver(() => this.draw());
    sizes.observe(this.picture);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  show(points, step) {
    this.points = points;
    this.step = step;
    if (this.picked !== null && this.picked >= points.length) this.picked = null;
    this.draw();
    this.fillTable();
  }

  /** The point below the pointer. */
  under(event) {
    const box = this.picture.getBoundingClientRect();
    const share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    const index = Math.floor(share * this.points.length);
    return this.points.length ? Math.min(this.points.length - 1, Math.max(0, index)) : null;
  }

  key(event) {
    const last = this.points.length - 1;
    const steps = {
      ArrowLeft: (this.picked ?? last + 1) - 1,
      ArrowRight: (this.picked ?? last - 1) + 1,
      Home: 0,
      End: last,
    };
    if (last < 0 || !(event.key in steps)) return;
    event.preventDefault();
    this.pick(Math.min(last, Math.max(0, steps[event.key])));
  }

  pick(index) {
    if (index === this.picked) return;
    this.picked = index;
    this.readout.setAttribute("aria-live", document.activeElement === this.picture ? "polite" : "off");
    this.mark();
    this.legend();
  }

  legend() {
    const point = this.picked === null ? null : this.points[this.picked];
    replace(
      this.readout,
      this.series.map((series) =>
        h(
          "span",
          { class: "legend" },
          h("span", { class: `swatch ${series.tone}`, "aria-hidden": "true" }),
          series.name,
          point ? h("b", {}, ` ${this.worded(series.value(point))}`) : null,
        ),
      ),
      point ? h("span", { class: "muted" }, clock(point.at, { withSeconds: this.step < 60 })) : null,
    );
  }

  worded(value) {
    return value === null ? "–" : this.format(value);
  }

  draw() {
    const width = this.picture.clientWidth || 320;
    this.plot = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
    const ticks = ticksTo(this.highest());
    this.top = ticks.at(-1);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("aria-label", this.summary());
    this.marker = svg("rect", { class: "marker", y: EDGE.top, height: this.plot.height, visibility: "hidden" });
    replace(
      this.picture,
      ticks.map((tick) => this.gridLine(tick)),
      this.timeLabels(),
      this.marker,
      this.kind === "bars" ? this.bars() : this.lines(),
    );
    this.mark();
    this.legend();
  }

  highest() {
    const tall = (point) =>
      this.kind === "bars"
        ? this.series.reduce((sum, series) => sum + series.value(point), 0)
        : Math.max(...this.series.map((series) => series.value(point) ?? 0));
    return this.points.reduce((most, point) => Math.max(most, tall(point)), 0);
  }

  x(index) {
    return EDGE.left + (index * this.plot.width) / Math.max(1, this.points.length);
  }

  y(value) {
    return EDGE.top + this.plot.height * (1 - value / this.top);
  }

  gridLine(tick) {
    const y = this.y(tick);
    return [
      svg("line", { class: "grid", x1: EDGE.left, x2: EDGE.left + this.plot.width, y1: y, y2: y }),
      svg("text", { class: "axis", x: EDGE.left - 6, y: y + 3.5, "text-anchor": "end" }, this.format(tick)),
    ];
  }

  timeLabels() {
    const room = Math.max(2, Math.floor(this.plot.width / 70));
    const every = STEPS.find((step) => (this.points.length * this.step) / step <= room) ?? STEPS.at(-1);
    const zone = new Date().getTimezoneOffset() * 60;
    return this.points.map((point, index) =>
      (point.at - zone) % every >= this.step
        ? null
        : svg(
            "text",
            { class: "axis", x: this.x(index), y: HEIGHT - 6, "text-anchor": "middle" },
            clock(point.at, { withSeconds: false }).slice(-5),
          ),
    );
  }

  bars() {
    const step = this.plot.width / Math.max(1, this.points.length);
    const gap = step > 5 ? 1.5 : step > 2.5 ? 0.5 : 0;
    return this.points.map((point, index) => {
      let below = 0;
      return this.series.map((series) => {
        const value = series.value(point);
        const bar =
          value > 0
            ? svg("rect", {
                class: `bar ${series.tone}`,
                x: this.x(index) + gap / 2,
                width: Math.max(0.5, step - gap),
                y: this.y(below + value),
                height: this.y(below) - this.y(below + value),
              })
            : null;
        below += value;
        return bar;
      });
    });
  }

  lines() {
    const middle = this.plot.width / Math.max(1, this.points.length) / 2;
    return this.series.map((series) => {
      const values = this.points.map((point) => series.value(point));
      const at = (index) =>
        [this.x(index) + middle, this.y(values[index])].map((number) => number.toFixed(1)).join(" ");
      const known = (index) => values[index] !== null && values[index] !== undefined;
      const path = values
        .map((value, index) => (known(index) ? `${known(index - 1) ? "L" : "M"}${at(index)}` : ""))
        .join("");
      const alone = values.map((value, index) =>
        known(index) && !known(index - 1) && !known(index + 1)
          ? svg("circle", { class: `dot ${series.tone}`, cx: this.x(index) + middle, cy: this.y(value), r: 2 })
          : null,
      );
      return [svg("path", { class: `line ${series.tone}`, d: path }), alone];
    });
  }

  mark() {
    if (!this.marker) return;
    this.marker.setAttribute("visibility", this.picked === null ? "hidden" : "visible");
    if (this.picked === null) return;
    this.marker.setAttribute("x", this.x(this.picked));
    this.marker.setAttribute("width", Math.max(1, this.plot.width / this.points.length));
  }

  summary() {
    const parts = this.series.map((series) => {
      const values = this.points.map((point) => series.value(point)).filter((value) => value !== null);
      return values.length
        ? `${series.name}: latest ${this.format(values.at(-1))}, highest ${this.format(Math.max(...values))}`
        : `${series.name}: no values`;
    });
    return `${this.title}. ${parts.join(". ")}. Arrow keys go through the values; the table below has them all.`;
  }

  fillTable() {
    if (!this.table.open) return;
    const body = this.points.toReversed().map((point) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, clock(point.at, { withSeconds: this.step < 60 })),
        this.series.map((series) => h("td", {}, this.worded(series.value(point)))),
      ),
    );
    replace(
      this.table.querySelector(".scroll"),
      h(
        "table",
        { class: "table" },
        h("caption", { class: "hidden" }, this.title),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Time"),
            this.series.map((series) => h("th", { scope: "col" }, series.name)),
          ),
        ),
        h("tbody", {}, body),
      ),
    );
  }
}

/** Round values from 0 to at least `highest`, three to five of them. */
export function ticksTo(highest) {
  const rough = Math.max(highest, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= rough) * power);
  return Array.from({ length: Math.max(2, Math.ceil(Math.max(highest, 1) / step) + 1) }, (_, index) => index * step);
}
