// Fields with labels, rows of fields, and forms in dialogs.

import { button, fresh, h, replace } from "./dom.js";
import { dialog } from "./feedback.js";

/** A labelled field around an input. */
export function field(label, input, hint = "") {
  input.id ||= fresh("field");
  const help = hint ? h("p", { class: "hint", id: `${input.id}-hint` }, hint) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, help);
}

/** A line of text. */
export function textInput(value = "", attributes = {}) {
  return h("input", {
    class: "input",
    type: "text",
    value: value ?? "",
    autocomplete: "off",
    spellcheck: "false",
    ...attributes,
  });
}

/** A whole number. */
export function numberInput(value, attributes = {}) {
  return h("input", { class: "input number", type: "number", step: "1", value: value ?? "", ...attributes });
}

/** Several lines of text. */
export function areaInput(value = "", attributes = {}) {
  return h("textarea", { class: "input mono", rows: 3, spellcheck: "false", ...attributes }, value);
}

/** One of several: `options` are [value, text] pairs. */
export function selectInput(options, value, attributes = {}) {
  return h(
    "select",
    { class: "input", ...attributes },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
}

/** On or off, as a switch with its label. */
export function switchInput(label, checked, onchange, attributes = {}) {
  return h(
    "label",
    { class: "switch" },
    h("input", { type: "checkbox", role: "switch", checked, onchange, ...attributes }),
    h("span", {}, label),
  );
}

/** Yes or no in a form. */
export function checkInput(label, checked) {
  const input = h("input", { type: "checkbox", checked });
  const node = h("label", { class: "check" }, input, h("span", {}, label));
  return {
    node,
    get value() {
      return input.checked;
    },
  };
}

/**
 * Rows of fields that can be added and removed. `columns`: {key, label, placeholder?, check?, width?}; `value`: list of
 * objects. Rows in which everything is blank do not count. Other members of an object are kept.
 */
export class Rows {
  constructor(title, columns, value, { add = "Add a row", hint = "" } = {}) {
    this.columns = columns;
    this.list = h("div", { class: "rows-list" });
    this.node = h(
      "fieldset",
      { class: "rows" },
      h("legend", {}, title),
      hint ? h("p", { class: "hint" }, hint) : null,
      this.list,
      button(add, () => this.add({}).querySelector("input").focus(), { kind: "quiet small" }),
    );
    for (const item of value ?? []) this.add(item);
  }

  add(item) {
    const inputs = this.columns.map((column) =>
      column.check
        ? h("input", { type: "checkbox", checked: Boolean(item[column.key]) })
        : textInput(item[column.key], { placeholder: column.placeholder ?? "", "aria-label": column.label }),
    );
    const row = h(
      "div",
      { class: "row-of-fields" },
      this.columns.map((column, index) =>
        column.check ? h("label", { class: "check" }, inputs[index], h("span", {}, column.label)) : inputs[index],
      ),
      h(
        "button",
        { type: "button", class: "icon", "aria-label": "Remove this row", onclick: () => this.remove(row) },
        "×",
      ),
    );
    row.item = item;
    row.inputs = inputs;
    this.list.append(row);
    return row;
  }

  remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("input") ?? this.node.querySelector(":scope > button")).focus();
  }

  get value() {
    return [...this.list.children].map((row) => this.read(row)).filter((item) => item !== null);
  }

  read(row) {
    const item = { ...row.item };
    let filled = false;
    this.columns.forEach((column, index) => {
      const input = row.inputs[index];
      if (column.check) {
        delete item[column.key];
        if (input.checked) item[column.key] = true;
      } else {
        item[column.key] = input.value.trim();
        filled ||= item[column.key] !== "";
      }
    });
    return filled ? item : null;
  }
}

/** Rows for headers: `headers` is an object, and so is what `headersIn` reads from them. */
export function headerRows(headers) {
  const columns = [
    { key: "name", label: "Header", placeholder: "name" },
    { key: "value", label: "Value", placeholder: "value" },
  ];
  return new Rows(
    "Headers",
    columns,
    Object.entries(headers ?? {}).map(([name, value]) => ({ name, value })),
    { add: "Add a header" },
  );
}

export function headersIn(rows) {
  return Object.fromEntries(rows.value.map(({ name, value }) => [name, value]));
}

/** Lines of a textarea without the blank ones. */
export function lines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/**
 * A form in a dialog. `content` are its nodes; `submit()` does the work and throws what is wrong, which is shown in the
 * form. The promise is true when it was done.
 */
export function formDialog({ title, content, submit, yes = "Save", size = "" }) {
  const wrong = h("p", { class: "form-error", role: "alert" });
  const send = h("button", { type: "submit", class: "button primary" }, yes);
  const form = h("form", { class: "form", id: fresh("form"), novalidate: true }, content, wrong);
  send.setAttribute("form", form.id);
  return dialog({
    title,
    size,
    content: (close) => {
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        await submitted(form, send, wrong, submit, close);
      });
      return form;
    },
    actions: (close) => [button("Cancel", () => close(false)), send],
  }).then((done) => done === true);
}

async function submitted(form, send, wrong, submit, close) {
  const missing = form.querySelector(":invalid:not(fieldset)");
  replace(wrong, missing ? `${labelOf(missing)}: ${missing.validationMessage}` : "");
  if (missing) {
    missing.focus();
    return;
  }
  send.disabled = true;
  try {
    await submit();
    close(true);
  } catch (error) {
    replace(wrong, error.message);
  } finally {
    send.disabled = false;
  }
}

function labelOf(input) {
  return input.labels?.[0]?.textContent ?? input.getAttribute("aria-label") ?? "This field";
}
