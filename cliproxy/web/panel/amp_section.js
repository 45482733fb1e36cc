// The part about Amp (management-api.md 10): its server, keys, and which models answer for which.

import { button, chip, h, listOf, section } from "./dom.js";
import { attempt, toast } from "./feedback.js";
import { field, formDialog, Rows, switchInput, textInput } from "./forms.js";
import { masked } from "./format.js";

export class AmpSection {
  /** `amp` is what `GET ampcode` says; `changed()` is called after a form, whatever came of it. */
  constructor(api, amp, changed) {
    this.api = api;
    this.amp = amp;
    this.changed = changed;
  }

  node() {
    const { amp } = this;
    return section(
      "Amp",
      { words: "The Amp command line and editor plug-in through this proxy." },
      h(
        "div",
        { class: "settings" },
        this.text(
          "upstream-url",
          "Amp's server",
          amp["upstream-url"] || "off: routes other than model calls are not served",
        ),
        this.text(
          "upstream-api-key",
          "Key for Amp's server",
          amp["upstream-api-key"] ? masked(amp["upstream-api-key"]) : "from AMP_API_KEY or the Amp command line",
        ),
        this.flag("restrict-management-to-localhost", "Account routes only from this machine"),
        this.flag("force-model-mappings", "Mappings come before models of the same name"),
      ),
      this.mappings(amp["model-mappings"] ?? []),
      this.keys(amp["upstream-api-keys"] ?? []),
    );
  }

  mappings(mappings) {
    return [
      h(
        "div",
        { class: "sub" },
        h("h3", {}, "Model mappings"),
        button("Edit", () => this.editMappings(mappings), { kind: "small", "aria-label": "Edit model mappings" }),
      ),
      listOf(
        mappings,
        ({ from, to, regex }) =>
          h(
            "div",
            { class: "pair" },
            h("code", {}, from),
            h("span", { class: "muted" }, " → "),
            h("code", {}, to),
            regex ? chip("regular expression") : null,
          ),
        h("p", { class: "none" }, "None: Amp gets the models that it asks for."),
      ),
    ];
  }

  keys(keys) {
    return [
      h(
        "div",
        { class: "sub" },
        h("h3", {}, "Keys for single clients"),
        button("Edit", () => this.editKeys(keys), { kind: "small", "aria-label": "Edit keys for single clients" }),
      ),
      listOf(
        keys,
        (key) =>
          h(
            "div",
            { class: "pair" },
            h("code", {}, masked(key["upstream-api-key"])),
            h("span", { class: "muted" }, ` for ${(key["api-keys"] ?? []).map(masked).join(", ") || "nobody"}`),
          ),
        h("p", { class: "none" }, "None."),
      ),
    ];
  }

  text(name, title, shown) {
    return h(
      "div",
      { class: "setting" },
      h("div", {}, h("p", { class: "setting-name" }, title), h("p", { class: "muted" }, shown)),
      button("Change", () => this.editText(name, title), { kind: "small", "aria-label": `Change: ${title}` }),
    );
  }

  async editText(name, title) {
    const input = textInput(this.amp[name], { class: "input mono" });
    await this.form({
      title,
      size: "small",
      content: field(title, input, "Empty: none."),
      submit: () =>
        input.value.trim()
          ? this.api.put(`ampcode/${name}`, { value: input.value.trim() })
          : this.api.delete(`ampcode/${name}`),
    });
  }

  flag(name, title) {
    return h(
      "div",
      { class: "setting" },
      switchInput(title, this.amp[name], async (event) => {
        const box = event.target;
        if (!(await attempt(() => this.api.put(`ampcode/${name}`, { value: box.checked }), "Saved.")))
          box.checked = !box.checked;
      }),
    );
  }

  async editMappings(mappings) {
    const rows = new Rows(
      "Mappings",
      [
        { key: "from", label: "Model that Amp asks for", placeholder: "model that Amp asks for" },
        { key: "to", label: "Model that answers", placeholder: "model that answers" },
        { key: "regex", label: "regular expression", check: true },
      ],
      mappings.length ? mappings : [{}],
      { add: "Add a mapping" },
    );
    await this.form({
      title: "Model mappings",
      content: rows.node,
      submit: () => {
        if (rows.value.some(({ from, to }) => !from || !to)) throw new Error("Enter both models in each row.");
        return this.api.put("ampcode/model-mappings", { value: rows.value });
      },
    });
  }

  async editKeys(keys) {
    const rows = new Rows(
      "Keys",
      [
        { key: "upstream", label: "Key for Amp's server", placeholder: "key for Amp's server" },
        { key: "clients", label: "Client keys, with commas", placeholder: "client keys, with commas" },
      ],
      keys.length
        ? keys.map((key) => ({ upstream: key["upstream-api-key"], clients: (key["api-keys"] ?? []).join(", ") }))
        : [{}],
      { add: "Add a key" },
    );
    await this.form({
      title: "Keys for single clients",
      content: rows.node,
      submit: () =>
        this.api.put("ampcode/upstream-api-keys", {
          value: rows.value.map(({ upstream, clients }) => ({
            "upstream-api-key": upstream,
            "api-keys": clients
              .split(",")
              .map((key) => key.trim())
              .filter(Boolean),
          })),
        }),
    });
  }

  async form(options) {
    const saved = await formDialog(options);
    await this.changed();
    if (saved) toast("Saved. It counts at once.");
  }
}
