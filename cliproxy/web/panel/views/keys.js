// Keys of clients, and providers that are used with an API key.

import { query } from "../api.js";
import { button, chip, emptyState, h, listOf, replace, section } from "../dom.js";
import { ask, attempt, copy, dialog, toast } from "../feedback.js";
import { field, formDialog, textInput } from "../forms.js";
import { masked } from "../format.js";
import { editProvider, PROVIDERS } from "../provider_form.js";

export default { path: "keys", title: "Keys and providers", show };

async function show(page) {
  const view = new Keys(page);
  await view.load();
}

class Keys {
  constructor(page) {
    this.page = page;
    this.api = page.api;
    replace(
      page.actions,
      button("Add a provider", () => this.addAny(), { kind: "primary" }),
    );
  }

  async load() {
    this.config = await this.api.get("config", this.page.signal);
    replace(
      this.page.root,
      this.clientKeys(),
      PROVIDERS.map((kind) => this.providers(kind)),
    );
  }

  async reload() {
    await this.load().catch((error) => this.page.failed(error));
  }

  clientKeys() {
    const keys = this.config["api-keys"] ?? [];
    return section(
      "Client keys",
      {
        words: "What your clients send as their API key.",
        actions: [button("Add a key", () => this.editKey(keys, null))],
      },
      listOf(
        keys,
        (key, index) =>
          h(
            "div",
            { class: "entry" },
            h("div", { class: "entry-main" }, this.secret(key)),
            h(
              "div",
              { class: "row tight" },
              button("Copy", () => copy(key, "Key"), { kind: "quiet small" }),
              button("Edit", () => this.editKey(keys, index), { kind: "quiet small" }),
              button("Delete", () => this.removeKey(key, index), { kind: "quiet small bad" }),
            ),
          ),
        emptyState(
          "No client keys",
          "Everybody who reaches the port may use your accounts. Add a key, and give it to your clients.",
        ),
      ),
    );
  }

  secret(key) {
    const text = h("code", { class: "secret" }, masked(key));
    const toggle = button(
      "Show",
      () => {
        const hidden = toggle.textContent === "Show";
        replace(text, hidden ? key : masked(key));
        replace(toggle, hidden ? "Hide" : "Show");
      },
      { kind: "quiet small" },
    );
    return [text, toggle];
  }

  async editKey(keys, index) {
    const key = textInput(index === null ? "" : keys[index], { required: true, class: "input mono" });
    const saved = await formDialog({
      title: index === null ? "Add a client key" : "Edit the client key",
      size: "small",
      content: [
        field("Key", key, "Any text without spaces; long and random is best."),
        button(
          "Make a random one",
          () => {
            key.value = randomKey();
          },
          { kind: "quiet small" },
        ),
      ],
      submit: async () => {
        const value = key.value.trim();
        if (!value) throw new Error("Enter a key.");
        if (keys.includes(value) && keys[index] !== value) throw new Error("This key is there already.");
        const now = await this.api.get("api-keys");
        if (index !== null) await this.api.patch("api-keys", { old: keys[index], new: value });
        else await this.api.put("api-keys", [...(now["api-keys"] ?? []), value]);
      },
    });
    await this.reload();
    if (saved) toast("The key is saved. It counts at once.");
  }

  async removeKey(key) {
    const sure = await ask({
      title: "Delete this key?",
      words: `Clients that use ${masked(key)} are refused from now on.`,
      yes: "Delete",
      danger: true,
    });
    if (!sure) return;
    await attempt(
      () => this.api.delete(`api-keys${query({ value: key })}`),
      "The key is deleted.",
      () => this.reload(),
    );
  }

  providers(kind) {
    const entries = this.config[kind.list] ?? [];
    return section(
      kind.title,
      {
        words: kind.words,
        actions: [button("Add", () => this.edit(kind, null), { "aria-label": `Add: ${kind.title}` })],
      },
      listOf(entries, (entry, index) => this.provider(kind, entry, index), h("p", { class: "none" }, "None yet.")),
    );
  }

  provider(kind, entry, index) {
    const title = entry.name || masked(entry["api-key"]);
    const keys = entry["api-key-entries"];
    return h(
      "div",
      { class: "entry" },
      h(
        "div",
        { class: "entry-main" },
        h(
          "div",
          { class: "row tight" },
          entry.name ? h("b", {}, entry.name) : h("code", {}, title),
          entry.prefix ? chip(`${entry.prefix}/`) : null,
          entry.priority ? chip(`priority ${entry.priority}`) : null,
        ),
        h(
          "p",
          { class: "muted" },
          [
            entry["base-url"] || "the provider's own address",
            keys ? `${keys.length} ${keys.length === 1 ? "key" : "keys"}` : "",
            modelWords(entry),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      h(
        "div",
        { class: "row tight" },
        button("Edit", () => this.edit(kind, index), { kind: "quiet small", "aria-label": `Edit ${title}` }),
        button("Delete", () => this.remove(kind, entry, index, title), {
          kind: "quiet small bad",
          "aria-label": `Delete ${title}`,
        }),
      ),
    );
  }

  async addAny() {
    const kind = await dialog({
      title: "Add a provider",
      content: (close) =>
        listOf(
          PROVIDERS,
          (one) =>
            h(
              "button",
              { type: "button", class: "choice", onclick: () => close(one) },
              h("span", {}, one.title),
              h("span", { class: "muted" }, one.words),
            ),
          null,
          { class: "plain choices" },
        ),
    });
    if (kind) await this.edit(kind, null);
  }

  async edit(kind, index) {
    const before = index === null ? null : this.config[kind.list][index];
    const saved = await editProvider(kind, before, (entry) => this.change(kind, before, index, entry));
    await this.reload();
    if (saved) toast(`${kind.title}: saved. It is used from now on.`);
  }

  async remove(kind, entry, index, title) {
    const sure = await ask({
      title: "Delete this provider?",
      words: `${kind.title}: ${title}. Requests are not sent to it any more.`,
      yes: "Delete",
      danger: true,
    });
    if (!sure) return;
    await attempt(
      () => this.change(kind, entry, index, null),
      `${title} is deleted.`,
      () => this.reload(),
    );
  }

  /** Put an entry into the list as it is now on the server (null: take it out). Somebody else's changes are not undone. */
  async change(kind, before, index, entry) {
    const now = (await this.api.get(kind.list))[kind.list] ?? [];
    if (before !== null && JSON.stringify(now[index]) !== JSON.stringify(before)) {
      throw new Error("The list has been changed elsewhere meanwhile. Close this and look again.");
    }
    const list = before === null ? [...now, entry] : now.toSpliced(index, 1, ...(entry === null ? [] : [entry]));
    await this.api.put(kind.list, list);
    await this.wasKept(kind, list.length);
  }

  /** The server leaves out entries that it cannot use, or has twice, without an error: that must not go unnoticed. */
  async wasKept(kind, wanted) {
    const now = (await this.api.get(kind.list))[kind.list] ?? [];
    if (now.length < wanted) throw new Error("The server did not keep the entry: the same one is there already.");
  }
}

function modelWords({ models }) {
  if (!models?.length) return "";
  const names = models.map((model) => model.alias || model.name);
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return `sk-${btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")}`;
}
