// What goes on: figures over time, and what wants attention.

import { Chart } from "../chart.js";
import { needs, shownName } from "../credential_state.js";
import { chip, emptyState, fresh, h, listOf, replace } from "../dom.js";
import { count, duration, short, span } from "../format.js";
import { poll } from "../poll.js";

const RANGES = [
  [15, "15 min"],
  [60, "1 h"],
  [360, "6 h"],
  [1440, "24 h"],
];
const EVERY_SECONDS = 10;

export default { path: "overview", title: "Overview", show };

async function show(page) {
  const attention = h("div");
  const cards = h("dl", { class: "cards" });
  const charts = chartsFor(page.signal);
  let minutes = 60;
  const refresh = async () => {
    const [figures, files, status] = await Promise.all([
      page.api.get(`overview?minutes=${minutes}`, page.signal),
      page.api.get("auth-files?all=true", page.signal),
      page.api.get("config-status", page.signal),
    ]);
    replace(cards, cardsOf(figures));
    for (const chart of charts) chart.show(figures.points, figures.step);
    replace(attention, attentionOf(files.files ?? [], status));
    page.failed(null);
  };
  await refresh();
  const run = poll(refresh, EVERY_SECONDS, page.signal, (error) => page.failed(error));
  replace(
    page.actions,
    rangePicker(minutes, (chosen) => {
      minutes = chosen;
      run();
    }),
  );
  replace(
    page.root,
    attention,
    cards,
    h(
      "div",
      { class: "charts" },
      charts.map((chart) => chart.node),
    ),
  );
}

function chartsFor(signal) {
  return [
    new Chart({
      title: "Requests",
      kind: "bars",
      format: short,
      signal: signal,
      series: [
        { name: "answered", tone: "one", value: (point) => point.requests - point.errors },
        { name: "failed", tone: "bad", value: (point) => point.errors },
      ],
    }),
    new Chart({
      title: "Time to first byte",
      kind: "lines",
      format: duration,
      signal: signal,
      series: [
        { name: "median", tone: "one", value: (point) => point.ttfb_p50_ms },
        { name: "p95", tone: "two", value: (point) => point.ttfb_p95_ms },
      ],
    }),
    new Chart({
      title: "Tokens",
      kind: "bars",
      format: short,
      signal: signal,
      series: [
        { name: "input", tone: "one", value: (point) => point.input_tokens },
        { name: "output", tone: "two", value: (point) => point.output_tokens },
      ],
    }),
  ];
}

function rangePicker(chosen, choose) {
  const name = fresh("range");
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "hidden" }, "Period"),
    RANGES.map(([minutes, text]) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name, checked: minutes === chosen, onchange: () => choose(minutes) }),
        h("span", {}, text),
      ),
    ),
  );
}

function cardsOf({ totals, points, started_at: started, version }) {
  const latest = points.findLast((point) => point.ttfb_p50_ms !== null);
  const share = totals.requests ? (100 * totals.errors) / totals.requests : 0;
  return [
    card("Requests", count(totals.requests)),
    card(
      "Failed",
      count(totals.errors),
      totals.requests ? `${share.toFixed(share < 10 ? 1 : 0)} %` : "",
      totals.errors ? "bad" : "",
    ),
    card("Time to first byte", duration(latest?.ttfb_p50_ms), latest ? `p95 ${duration(latest.ttfb_p95_ms)}` : ""),
    card("Input tokens", short(totals.input_tokens)),
    card("Output tokens", short(totals.output_tokens)),
    card("Running for", span(Date.now() / 1000 - started), `version ${version}`),
  ];
}

function card(name, value, more = "", tone = "") {
  return h(
    "div",
    { class: `card ${tone}`.trim() },
    h("dt", {}, name),
    h("dd", {}, h("span", { class: "figure" }, value), more ? h("span", { class: "muted" }, more) : null),
  );
}

function attentionOf(files, status) {
  const items = [];
  for (const problem of status.errors ?? []) {
    const where = [problem.line ? `line ${problem.line}` : "", problem.key].filter(Boolean).join(", ");
    items.push([
      "bad",
      "Configuration",
      `${where ? `${where}: ` : ""}${problem.message} The old configuration stays in use.`,
      "#/config",
    ]);
  }
  for (const file of files) {
    const need = needs(file);
    if (need) items.push([need.tone, shownName(file), need.words, "#/credentials"]);
  }
  if (!files.length) {
    return emptyState(
      "There is no account yet",
      "Log in with an account, or add a provider for which you have an API key. Then point a client at this server.",
      h("a", { class: "button primary", href: "#/credentials" }, "Log in"),
      h("a", { class: "button", href: "#/keys" }, "Add a provider"),
    );
  }
  if (!items.length) return null;
  return h(
    "section",
    { class: "section", "aria-label": "Wants attention" },
    listOf(
      items,
      ([tone, what, words, href]) => h("a", { class: `notice ${tone}`, href }, chip(what, tone), h("span", {}, words)),
      null,
      { class: "plain notices" },
    ),
  );
}
