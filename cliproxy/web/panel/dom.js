// Building nodes. Text only ever becomes text: there is no way from a string to markup in this panel.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("a", {href, class: "x", onclick: f}, "text", child, [more])`. False, null and undefined are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(set(document.createElement(tag), attributes), children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(set(document.createElementNS(SVG, tag), attributes), children);
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
}

const PROPERTIES = new Set(["value", "checked", "indeterminate", "selected"]);

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === false || child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Put other children into an element. */
export function replace(element, ...children) {
  element.replaceChildren();
  return fill(element, children);
}

let count = 0;

/** A fresh id, to tie labels to fields. */
export function fresh(word) {
  count += 1;
  return `${word}-${count}`;
}

/** A button. `kind`: primary, danger, quiet or nothing. */
export function button(text, onclick, { kind = "", ...attributes } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), onclick, ...attributes }, text);
}

/** A list with one entry per item, or `empty` when there is none. */
export function listOf(items, entry, empty, attributes = {}) {
  return items.length
    ? h(
        "ul",
        { class: "plain", ...attributes },
        items.map((item, index) => h("li", {}, entry(item, index))),
      )
    : empty;
}

/** What a place says that has nothing to show: a sentence, what to do next, and the means for it. */
export function emptyState(title, words, ...actions) {
  return h(
    "div",
    { class: "empty" },
    h("p", { class: "empty-title" }, title),
    h("p", {}, words),
    actions.length ? h("div", { class: "row" }, actions) : null,
  );
}

/** Words on a coloured ground. `tone`: good, warn, bad, info or nothing. */
export function chip(text, tone = "", attributes = {}) {
  return h("span", { class: `chip ${tone}`.trim(), ...attributes }, text);
}

/** A section with a heading and, beside it, actions. */
export function section(title, { actions = [], words = null, level = 2 } = {}, ...children) {
  const id = fresh("section");
  return h(
    "section",
    { class: "section", "aria-labelledby": id },
    h(
      "div",
      { class: "section-head" },
      h("div", {}, h(`h${level}`, { id }, title), words ? h("p", { class: "muted" }, words) : null),
      actions.length ? h("div", { class: "row" }, actions) : null,
    ),
    children,
  );
}
