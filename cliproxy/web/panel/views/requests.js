// Model calls as they come in, and the files in which requests are written down.

import { button, chip, emptyState, h, replace } from "../dom.js";
import { attempt } from "../feedback.js";
import { bytes, clock, duration } from "../format.js";
import { poll } from "../poll.js";
import { showRequestLog } from "../request_log_view.js";

const EVERY_SECONDS = 2;
const FILES_EVERY_SECONDS = 5;
const MOST = 300;

export default { path: "requests", title: "Requests", show };

async function show(page) {
  const [what, id] = page.rest;
  if (what === "log" && id) return showRequestLog(page, id);
  const body = h("div");
  const here = what === "logs" ? "#/requests/logs" : "#/requests";
  replace(
    page.root,
    h(
      "nav",
      { class: "tabs", "aria-label": "Requests" },
      [
        ["#/requests", "Recent"],
        ["#/requests/logs", "Request logs"],
      ].map(([href, text]) => h("a", { href, "aria-current": href === here ? "page" : null }, text)),
    ),
    body,
  );
  return what === "logs" ? showFiles(page, body) : showRecent(page, body);
}

async function showRecent(page, body) {
  let known = [];
  let latest = 0;
  let drawn = false;
  const rows = h("tbody");
  const look = async () => {
    const found = await page.api.get(`requests?after=${latest}&limit=${MOST}`, page.signal);
    page.failed(null);
    if (found.latest < latest) known = []; // the server was started anew
    latest = found.latest;
    if (drawn && !found.requests.length) return;
    drawn = true;
    known = [...found.requests, ...known].slice(0, MOST);
    replace(rows, known.map(requestRow));
    replace(
      body,
      known.length
        ? table(["Time", "Status", "Request", "First byte", "Duration", "Client", "Id"], rows, "Recent requests")
        : emptyState("No requests yet", "Model calls appear here as soon as they are over."),
    );
  };
  await look();
  poll(look, EVERY_SECONDS, page.signal, (error) => page.failed(error));
}

function requestRow({ id, at, method, path, status, duration_ms: total, ttfb_ms: first, client, aborted }) {
  return h(
    "tr",
    {},
    cell("Time", clock(at)),
    cell("Status", statusChip(status, aborted)),
    cell("Request", [h("span", { class: "muted" }, method), " ", path], "mono long"),
    cell("First byte", duration(first), "figures"),
    cell("Duration", duration(total), "figures"),
    cell("Client", client, "mono"),
    cell("Id", h("a", { href: `#/requests/log/${encodeURIComponent(id)}`, class: "mono" }, id)),
  );
}

async function showFiles(page, body) {
  const rows = h("tbody");
  const look = async () => {
    const [{ files }, { "request-log": on }] = await Promise.all([
      page.api.get("request-logs?limit=200", page.signal),
      page.api.get("request-log", page.signal),
    ]);
    page.failed(null);
    replace(rows, (files ?? []).map(fileRow));
    replace(
      body,
      on ? null : offNote(page, look),
      files?.length
        ? table(["Time", "Status", "Request", "First byte", "Duration", "Size", "Id"], rows, "Request logs")
        : emptyState(
            "No request logs",
            on ? "The next request is written down." : "Nothing has failed since the files were deleted.",
          ),
    );
  };
  await look();
  poll(look, FILES_EVERY_SECONDS, page.signal, (error) => page.failed(error));
}

function offNote(page, look) {
  return h(
    "div",
    { class: "banner info" },
    h("span", {}, "Only failed requests are written down. "),
    button(
      "Write down all of them",
      async () => {
        if (await attempt(() => page.api.put("request-log", { value: true }), "Requests are written down from now on."))
          await look().catch((error) => page.failed(error));
      },
      { kind: "small", "data-focus": "request-log" },
    ),
  );
}

function fileRow({ id, name, size, modified, error, method, url, status, ttfb_ms: first, duration_ms: total }) {
  return h(
    "tr",
    {},
    cell("Time", clock(modified)),
    cell("Status", status === null ? (error ? chip("failed", "bad") : "–") : statusChip(status, false)),
    cell("Request", url ? [h("span", { class: "muted" }, method ?? ""), " ", url] : name, "mono long"),
    cell("First byte", duration(first), "figures"),
    cell("Duration", duration(total), "figures"),
    cell("Size", bytes(size), "figures"),
    cell("Id", id ? h("a", { href: `#/requests/log/${encodeURIComponent(id)}`, class: "mono" }, id) : "–"),
  );
}

function table(columns, rows, caption) {
  return h(
    "table",
    { class: "table stacking" },
    h("caption", { class: "hidden" }, caption),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    rows,
  );
}

/** A cell that knows the name of its column: narrow screens show it. */
function cell(label, content, kind = "") {
  return h("td", { "data-label": label, class: kind }, content);
}

function statusChip(status, aborted) {
  if (aborted) return chip("client left", "warn");
  return chip(String(status), status >= 500 ? "bad" : status >= 400 ? "warn" : "good");
}
