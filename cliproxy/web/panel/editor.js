// A plain text editor with line numbers and marks at lines.

import { h, replace } from "./dom.js";

export class Editor {
  /** `changed()` after each change, `save()` on Ctrl+S or Cmd+S. */
  constructor(label, changed, save) {
    this.marked = new Set();
    this.count = 0;
    this.numbers = h("div", { class: "editor-lines", "aria-hidden": "true" });
    this.area = h("textarea", {
      class: "editor-text",
      "aria-label": label,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      wrap: "off",
      oninput: () => {
        this.number();
        changed();
      },
      onscroll: () => this.follow(),
    });
    this.area.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      save();
    });
    this.node = h("div", { class: "editor" }, this.numbers, this.area);
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    if (this.area.value === value) return;
    const { scrollTop, selectionStart } = this.area;
    this.area.value = value;
    this.area.setSelectionRange(selectionStart, selectionStart);
    this.area.scrollTop = scrollTop;
    this.number();
  }

  /** Mark these lines; null in it is ignored. */
  mark(lines) {
    this.marked = new Set(lines);
    this.count = 0;
    this.number();
  }

  /** Put the cursor on a line. */
  go(line) {
    const lines = this.text.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    this.reveal(line);
  }

  /** Scroll so that a line can be seen. */
  reveal(line) {
    const { scrollTop, clientHeight } = this.area;
    const place = line * this.lineHeight();
    if (place > scrollTop + this.lineHeight() && place < scrollTop + clientHeight) return;
    this.area.scrollTop = Math.max(0, place - 4 * this.lineHeight());
    this.follow();
  }

  /** Once it is on the page. */
  fit() {
    this.area.setSelectionRange(0, 0);
    this.area.scrollTop = 0;
    this.follow();
  }

  lineHeight() {
    return Number.parseFloat(getComputedStyle(this.area).lineHeight);
  }

  number() {
    const count = this.text.split("\n").length;
    if (count === this.count) return;
    this.count = count;
    replace(
      this.numbers,
      Array.from({ length: count }, (_, index) =>
        h("div", { class: this.marked.has(index + 1) ? "marked" : "" }, index + 1),
      ),
    );
    this.follow();
  }

  follow() {
    this.numbers.scrollTop = this.area.scrollTop;
  }
}
