// What the panel tells people: notes that pass, dialogs, questions.

import { button, fresh, h } from "./dom.js";

const SHOWN_MS = 5000;
const ERROR_SHOWN_MS = 12000;

/** A note at the edge of the screen; screen readers say it. `tone`: good or bad. */
export function toast(text, tone = "good") {
  const note = h(
    "div",
    { class: `toast ${tone}` },
    h("span", {}, text),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => note.remove() }, "×"),
  );
  // A modal dialog makes everything outside it inert: the note has to be inside to be seen and heard.
  const open = [...document.querySelectorAll("dialog[open]")].at(-1);
  (open?.querySelector(".toasts") ?? document.getElementById("toasts")).append(note);
  setTimeout(() => note.remove(), tone === "bad" ? ERROR_SHOWN_MS : SHOWN_MS);
}

/**
 * Do something for somebody who has just asked for it: `done` as a note, or what went wrong. True when it went well.
 * `refresh` brings the view up to date before that is said.
 */
export async function attempt(work, done, refresh) {
  let wrong = null;
  try {
    await work();
  } catch (error) {
    wrong = error;
  }
  await refresh?.();
  if (wrong) report(wrong);
  else if (done) toast(done);
  return wrong === null;
}

/** Say what went wrong. Errors that only mean "no longer wanted" are not said. */
export function report(error) {
  if (error.name !== "AbortError") toast(error.message, "bad");
}

/**
 * A modal dialog. `content(close)` gives its nodes, `actions(close)` the buttons below. Escape closes it, focus goes back
 * to where it was. The promise is what `close` was called with; undefined after Escape.
 */
export function dialog({ title, content, actions = null, size = "", signal = null }) {
  const id = fresh("dialog");
  let result;
  const close = (value) => {
    result = value;
    element.close();
  };
  const element = h("dialog", { class: `dialog ${size}`.trim(), "aria-labelledby": id });
  element.append(
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id }, title),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => close() }, "×"),
    ),
    h("div", { class: "dialog-body" }, content(close)),
  );
  if (actions) element.append(h("div", { class: "dialog-foot" }, actions(close)));
  element.append(h("div", { class: "toasts inside", role: "status", "aria-live": "polite" }));
  document.body.append(element);
  element.showModal();
  (
    element.querySelector("[autofocus]") ??
    element.querySelector(".dialog-body :is(input, select, textarea, button, a)")
  )?.focus();
  return new Promise((resolve) => {
    element.addEventListener("close", () => {
      document.getElementById("toasts").append(...element.querySelectorAll(".toast"));
      element.remove();
      resolve(result);
    });
    signal?.addEventListener("abort", () => close());
  });
}

/** A yes-or-no question. */
export async function ask({ title, words, yes, danger = false }) {
  const answer = await dialog({
    title,
    size: "small",
    content: () => [words].flat().map((text) => (text instanceof Node ? text : h("p", {}, text))),
    actions: (close) => [
      button("Cancel", () => close(false), { autofocus: true }),
      button(yes, () => close(true), { kind: danger ? "danger" : "primary" }),
    ],
  });
  return answer === true;
}

/** Copy to the clipboard; browsers allow that on secure pages and on localhost only. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    await dialog({
      title: `Copy ${what.toLowerCase()}`,
      size: "small",
      content: () => [
        h("p", { class: "muted" }, "The browser does not let this page use the clipboard. Copy it from here:"),
        h(
          "textarea",
          {
            class: "input mono",
            rows: 4,
            readonly: true,
            "aria-label": what,
            onfocus: (event) => event.target.select(),
          },
          text,
        ),
      ],
    });
  }
}
