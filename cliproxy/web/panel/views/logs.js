// The application log as it grows.

import { query } from "../api.js";
import { button, emptyState, fresh, h, replace } from "../dom.js";
import { ask, attempt } from "../feedback.js";
import { checkInput } from "../forms.js";
import { poll } from "../poll.js";
import { parseLine, unseen } from "../log_lines.js";

const EVERY_SECONDS = 2;
const FIRST_LINES = 500;
const MOST_LINES = 2000;
const LEVELS = [
  ["", "All levels"],
  ["info", "Info and worse"],
  ["warn", "Warnings and worse"],
  ["error", "Errors"],
];
const OWN = /\| +[A-Z]+ +"\/(v0\/)?management[/.]/;
const RANK = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };

export default { path: "logs", title: "Logs", show };

async function show(page) {
  const view = new Logs(page);
  await view.look();
  poll(
    () => view.look(),
    EVERY_SECONDS,
    page.signal,
    (error) => page.failed(error),
  );
}

class Logs {
  constructor(page) {
    this.page = page;
    this.api = page.api;
    this.lines = [];
    this.after = 0;
    this.following = true;
    this.output = h("div", {
      class: "log",
      role: "log",
      "aria-live": "off",
      "aria-label": "Application log",
      tabindex: "0",
    });
    this.filter = h("input", {
      class: "input",
      type: "search",
      placeholder: "Filter",
      "aria-label": "Only lines with this text",
      oninput: () => this.draw(),
    });
    this.level = h(
      "select",
      { class: "input", "aria-label": "Level", onchange: () => this.draw() },
      LEVELS.map(([key, name]) => h("option", { value: key }, name)),
    );
    this.own = checkInput("Without this panel's own requests", true);
    this.own.node.addEventListener("change", () => this.draw());
    this.follow = button("Pause", () => this.setFollowing(!this.following), { "aria-pressed": "false" });
    this.count = h("p", { class: "muted", id: fresh("count") });
    this.body = h(
      "div",
      { class: "log-view" },
      h("div", { class: "row filters" }, this.filter, this.level, this.own.node, this.count),
      this.output,
    );
    replace(
      page.actions,
      this.follow,
      button("Clear", () => this.clear()),
    );
  }

  async look() {
    if (!this.following && this.lines.length) return;
    let found;
    try {
      found = await this.api.get(
        `logs${query({ after: this.after ? this.after - 1 : "", limit: this.after ? MOST_LINES : FIRST_LINES })}`,
        this.page.signal,
      );
    } catch (error) {
      if (error.body?.error !== "logging to file disabled") throw error;
      this.isOff();
      return;
    }
    this.page.failed(null);
    if (!this.body.isConnected) replace(this.page.root, this.body);
    const added = unseen(this.lines, found.lines ?? []);
    this.after = found["latest-timestamp"];
    this.lines = [...this.lines, ...added].slice(-MOST_LINES);
    if (added.length || !this.drawn) this.draw();
  }

  isOff() {
    if (this.page.root.querySelector(".empty")) return;
    replace(
      this.page.root,
      emptyState(
        "The log goes to standard output",
        "To see it here, have it written into a file.",
        button(
          "Log into a file",
          async () => {
            if (
              await attempt(
                () => this.api.put("logging-to-file", { value: true }),
                "The log goes to a file from now on.",
              )
            )
              await this.look().catch((error) => this.page.failed(error));
          },
          { kind: "primary" },
        ),
      ),
    );
  }

  draw() {
    this.drawn = true;
    const text = this.filter.value.toLowerCase();
    const least = RANK[this.level.value] ?? 0;
    const skipped = this.own.value ? OWN : null;
    const shown = this.lines.map(parseLine).filter((line, index, all) => {
      line.rank = line.level ? (RANK[line.level] ?? 1) : (all[index - 1]?.rank ?? 1); // a traceback belongs to the line above
      return line.rank >= least && line.text.toLowerCase().includes(text) && !skipped?.test(line.text);
    });
    replace(this.count, `${shown.length} of ${this.lines.length} lines`);
    replace(
      this.output,
      shown.length
        ? shown.map((line) => this.line(line))
        : h("p", { class: "none" }, this.lines.length ? "No line fits the filter." : "The log is empty."),
    );
    if (this.following) this.output.scrollTop = this.output.scrollHeight;
  }

  line({ text, level, time, id, message }) {
    if (!level) return h("div", { class: "log-line more" }, text);
    return h(
      "div",
      { class: `log-line ${level}` },
      h("span", { class: "log-time" }, time),
      h("span", { class: "log-level" }, level),
      h("span", { class: "log-text" }, id ? [h("a", { href: `#/requests/log/${id}` }, id), " "] : null, message),
    );
  }

  setFollowing(on) {
    this.following = on;
    this.follow.setAttribute("aria-pressed", String(!on));
    replace(this.follow, on ? "Pause" : "Follow");
    if (on) this.look().catch((error) => this.page.failed(error));
  }

  async clear() {
    if (
      !(await ask({
        title: "Clear the log?",
        words: "All lines and all older log files are deleted. Request logs stay.",
        yes: "Clear",
        danger: true,
      }))
    )
      return;
    if (!(await attempt(() => this.api.delete("logs"), "The log is empty."))) return;
    this.lines = [];
    this.after = 0;
    this.draw();
    await this.look().catch((error) => this.page.failed(error));
  }
}
