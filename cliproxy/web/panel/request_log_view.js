// One request log: when things happened, and every section of the file.

import { save } from "./api.js";
import { button, chip, emptyState, h, replace, section } from "./dom.js";
import { copy } from "./feedback.js";
import { duration } from "./format.js";
import { partsOf, pretty, sectionsOf, timeline, valueIn } from "./request_log.js";

const MOST_SHOWN = 200_000;
const NAMES = {
  "REQUEST INFO": "Request",
  HEADERS: "Headers of the client",
  "REQUEST BODY": "Body of the client",
  "API ERROR RESPONSE": "Error of the upstream",
  RESPONSE: "Answer to the client",
};
const OPEN = new Set(["REQUEST BODY", "RESPONSE", "API ERROR RESPONSE"]);

/** Fill the page with the log of a request. */
export async function showRequestLog(page, id) {
  const back = h("p", {}, h("a", { href: "#/requests/logs" }, "All request logs"));
  let text;
  try {
    text = await page.api.text(`request-log-by-id/${encodeURIComponent(id)}`, page.signal);
  } catch (error) {
    if (error.status !== 404 || error.body === null) throw error;
    replace(
      page.root,
      back,
      emptyState(
        `Request ${id} was not written down`,
        "Only failed requests are, unless request-log is on; old files are deleted.",
        h("a", { class: "button", href: "#/settings" }, "Settings"),
      ),
    );
    return;
  }
  const sections = sectionsOf(text);
  replace(
    page.actions,
    button("Copy", () => copy(text, "Request log")),
    button("Download", () => save(new Blob([text], { type: "text/plain" }), `request-${id}.log`)),
  );
  replace(
    page.root,
    back,
    sections.length ? [head(id, sections), times(sections), sections.map(part)] : h("pre", { class: "code" }, text),
  );
}

function head(id, sections) {
  const info = sections.find(({ title }) => title === "REQUEST INFO");
  const status = valueIn(
    sections.findLast(({ title }) => title === "RESPONSE"),
    "Status",
  );
  return h(
    "div",
    { class: "log-head" },
    h("h2", { class: "mono" }, `${valueIn(info, "Method")} ${valueIn(info, "URL")}`),
    h(
      "p",
      { class: "row tight" },
      status ? chip(status, Number(status) >= 500 ? "bad" : Number(status) >= 400 ? "warn" : "good") : null,
      h("span", { class: "muted" }, `${id} · ${valueIn(info, "Timestamp")}`),
    ),
  );
}

function times(sections) {
  const line = timeline(sections);
  if (!line?.steps.length) return null;
  const whole = Math.max(1, ...line.steps.map(({ from, to }) => Math.max(from, to ?? from)));
  return section(
    "Timings",
    { level: 3 },
    h(
      "ol",
      { class: "plain timeline" },
      line.steps.map((step) =>
        h("li", {}, h("span", {}, step.name), bar(step, whole), h("span", { class: "figures" }, words(step))),
      ),
    ),
  );
}

function bar({ from, to, tone }, whole) {
  const track = h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: `span ${tone}` }));
  track.firstChild.style.left = `${(100 * from) / whole}%`;
  track.firstChild.style.width = `${Math.max(0.5, (100 * ((to ?? whole) - from)) / whole)}%`;
  return track;
}

function words({ from, to }) {
  if (to === null) return `after ${duration(from)}, no answer`;
  return from ? `after ${duration(from)}: ${duration(to - from)}` : duration(to);
}

function part(one) {
  const { head: lines, body } = partsOf(one);
  return h(
    "details",
    { class: "log-section", open: OPEN.has(one.title) },
    h("summary", {}, NAMES[one.title] ?? named(one.title)),
    lines ? h("pre", { class: "code" }, lines) : null,
    body ? h("pre", { class: "code" }, shortened(pretty(body))) : null,
    !lines && !body ? h("p", { class: "none" }, "Empty.") : null,
  );
}

function named(title) {
  const number = title.split(" ")[2];
  return `${title.includes("REQUEST") ? "Call of the upstream" : "Answer of the upstream"}${number ? `, ${number}` : ""}`;
}

function shortened(text) {
  return text.length > MOST_SHOWN
    ? `${text.slice(0, MOST_SHOWN)}\n… ${text.length - MOST_SHOWN} more characters; the download has them all.`
    : text;
}
