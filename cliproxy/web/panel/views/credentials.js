// The accounts: their state, and everything that can be done with them.

import { query, save } from "../api.js";
import { editFields, lately, showModels } from "../credential_parts.js";
import { isAccount, plain, providerName, reasonOf, secondsLeft, shownName, stateOf } from "../credential_state.js";
import { button, chip, emptyState, h, listOf, replace } from "../dom.js";
import { ask, attempt, toast } from "../feedback.js";
import { switchInput } from "../forms.js";
import { count, span } from "../format.js";
import { logIn } from "../login.js";
import { poll, tick } from "../poll.js";

const EVERY_SECONDS = 5;

export default { path: "credentials", title: "Credentials", show };

async function show(page) {
  const view = new Credentials(page);
  await view.load();
  poll(
    () => view.load(),
    EVERY_SECONDS,
    page.signal,
    (error) => page.failed(error),
  );
  tick(() => view.countDown(), page.signal);
  dropZone(page, (files) => view.upload(files));
}

class Credentials {
  constructor(page) {
    this.page = page;
    this.api = page.api;
    this.picker = h("input", {
      type: "file",
      accept: ".json,application/json",
      multiple: true,
      hidden: true,
      "aria-label": "Credential files",
      onchange: () => this.upload([...this.picker.files]),
    });
    this.list = h("div");
    this.drawn = "";
    replace(
      page.actions,
      button("Upload", () => this.picker.click()),
      button("Log in", () => this.login(), { kind: "primary" }),
    );
    replace(page.root, this.picker, this.list);
  }

  async load() {
    const { files } = await this.api.get("auth-files?all=true", this.page.signal);
    this.page.failed(null);
    this.files = files ?? [];
    this.draw();
  }

  /** Draw, unless nothing has changed: whoever goes through the list with the keyboard must not lose their place. */
  draw() {
    const seen = JSON.stringify(this.files);
    if (seen === this.drawn) return;
    this.drawn = seen;
    const focused = document.activeElement?.dataset?.focus;
    this.clocks = [];
    const accounts = this.files.filter(isAccount);
    const keys = this.files.filter((file) => !isAccount(file));
    replace(
      this.list,
      listOf(
        accounts,
        (file) => this.row(file, shownName(file), [providerName(file.provider), file.name]),
        this.nothing(),
        { class: "plain credentials", "aria-label": "Accounts" },
      ),
      keys.length
        ? [
            h(
              "div",
              { class: "list-head" },
              h("h2", {}, "API keys"),
              h(
                "p",
                { class: "muted" },
                "They come from ",
                h("a", { href: "#/keys" }, "Keys and providers"),
                ". Disabling one lasts until the server is started anew or the entry is changed.",
              ),
            ),
            listOf(keys, (file) => this.row(file, shownName(file), []), null, {
              class: "plain credentials",
              "aria-label": "API keys",
            }),
          ]
        : null,
    );
    if (focused)
      [...this.list.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === focused)?.focus();
  }

  nothing() {
    return emptyState(
      "No accounts yet",
      "Log in with an account of a provider, or drop credential files (.json) here. Providers with an API key are under Keys and providers.",
      button("Log in", () => this.login(), { kind: "primary" }),
      button("Upload", () => this.picker.click()),
    );
  }

  row(file, named, [provider, name]) {
    const state = stateOf(file);
    const place = (what) => ({ "data-focus": `${file.id} ${what}`, "aria-label": `${what}: ${named}` });
    return h(
      "article",
      { class: `credential ${file.disabled ? "off" : ""}`, "aria-label": named },
      h("div", { class: "credential-who" }, h("h3", {}, named), this.more(file, named, provider, name)),
      h("div", { class: "credential-state" }, chip(state.word, state.tone), this.why(file, state)),
      lately(file),
      switchInput("Enabled", !file.disabled, (event) => this.enable(file, named, event.target), place("Enabled")),
      h(
        "div",
        { class: "row tight" },
        file.cooldowns?.length
          ? button("Reset", () => this.reset(file, named), { kind: "small", ...place("Reset") })
          : null,
        button("Models", () => showModels(this.api, file, named), { kind: "quiet small", ...place("Models") }),
        file.source === "file" && !file.runtime_only
          ? [
              button("Edit", () => this.edit(file, named), { kind: "quiet small", ...place("Edit") }),
              button("Download", () => this.download(file), { kind: "quiet small", ...place("Download") }),
              button("Delete", () => this.remove(file, named), { kind: "quiet small bad", ...place("Delete") }),
            ]
          : null,
      ),
    );
  }

  more(file, named, provider, name) {
    return [
      h(
        "p",
        { class: "muted second" },
        provider && provider !== named ? h("span", { class: "provider" }, provider, " ") : null,
        name && name !== named ? h("span", { class: "mono" }, name) : null,
        file.prefix ? [" ", chip(`${file.prefix}/`)] : null,
        file.priority ? [" ", chip(`priority ${file.priority}`)] : null,
      ),
      file.note ? h("p", { class: "muted" }, file.note) : null,
    ];
  }

  why(file, state) {
    if (file.disabled) return null;
    if (secondsLeft(file) > 0) return [this.clock(file), h("span", { class: "muted" }, reasonOf(file))];
    if (state.tone === "bad") return h("span", { class: "muted" }, plain(file.status_message));
    return file.success
      ? h(
          "span",
          { class: "muted" },
          `${count(file.success)} answered${file.failed ? `, ${count(file.failed)} failed` : ""}`,
        )
      : null;
  }

  clock(file) {
    const node = h("span", { class: "countdown", role: "timer" });
    const draw = () => replace(node, `${span(secondsLeft(file))} left`);
    this.clocks.push(draw);
    draw();
    return node;
  }

  countDown() {
    for (const draw of this.clocks ?? []) draw();
  }

  async enable(file, named, box) {
    const disabled = !box.checked;
    await attempt(
      () => this.api.patch("auth-files/status", { name: file.id, disabled }),
      `${named} is ${disabled ? "disabled" : "enabled"}.`,
      () => this.reload(), // the switch, too, shows what the server says
    );
  }

  async reset(file, named) {
    await attempt(
      () => this.api.post("reset-quota", { auth_index: file.auth_index }),
      `${named} can be used again.`,
      () => this.reload(),
    );
  }

  async remove(file, named) {
    const sure = await ask({
      title: "Delete this credential?",
      words: [
        `${providerName(file.provider)}: ${named}`,
        `The file ${file.name} is removed from the server. To get it back you have to log in again.`,
      ],
      yes: "Delete",
      danger: true,
    });
    if (!sure) return;
    await attempt(
      () => this.api.delete(`auth-files${query({ name: file.name })}`),
      `${file.name} is deleted.`,
      () => this.reload(),
    );
  }

  async download(file) {
    await attempt(async () => save(await this.api.blob(`auth-files/download${query({ name: file.name })}`), file.name));
  }

  async edit(file, named) {
    const saved = await editFields(this.api, file, named);
    await this.reload();
    if (saved) toast(`${named} is saved.`);
  }

  async upload(files) {
    this.picker.value = "";
    for (const file of files) {
      const form = new FormData();
      form.append("file", file, file.name);
      await attempt(
        () => this.api.post("auth-files", form),
        `${file.name} is uploaded.`,
        () => this.reload(),
      );
    }
  }

  async login() {
    if (await logIn(this.api, this.page.signal)) await this.reload();
  }

  /** Look again at once; a failure is said by the next regular look. */
  async reload() {
    this.drawn = "";
    await this.load().catch((error) => this.page.failed(error));
  }
}

/** Files can be dropped anywhere on the view. */
function dropZone(page, take) {
  const area = page.root;
  const over = (on) => area.classList.toggle("dropping", on);
  area.addEventListener(
    "dragover",
    (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over(true);
    },
    { signal: page.signal },
  );
  area.addEventListener("dragleave", (event) => area.contains(event.relatedTarget) || over(false), {
    signal: page.signal,
  });
  area.addEventListener(
    "drop",
    (event) => {
      event.preventDefault();
      over(false);
      take([...event.dataTransfer.files]);
    },
    { signal: page.signal },
  );
  page.signal.addEventListener("abort", () => over(false));
}
