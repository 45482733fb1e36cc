// Which names clients may use: aliases and exclusions of logins; Amp's mappings are in amp_section.js.

import { AmpSection } from "../amp_section.js";
import { query } from "../api.js";
import { button, chip, h, listOf, replace, section } from "../dom.js";
import { providerName } from "../credential_state.js";
import { ask, attempt, toast } from "../feedback.js";
import { areaInput, field, formDialog, lines, Rows, selectInput } from "../forms.js";

const CHANNELS = ["claude", "codex", "gemini-cli", "antigravity", "qwen", "iflow", "vertex", "aistudio"];

export default { path: "models", title: "Models", show };

async function show(page) {
  await new Models(page).load();
}

class Models {
  constructor(page) {
    this.page = page;
    this.api = page.api;
  }

  async load() {
    const [aliases, excluded, amp] = await Promise.all(
      ["oauth-model-alias", "oauth-excluded-models", "ampcode"].map((path) => this.api.get(path, this.page.signal)),
    );
    this.aliases = aliases["oauth-model-alias"] ?? {};
    this.excluded = excluded["oauth-excluded-models"] ?? {};
    replace(
      this.page.root,
      this.aliasSection(),
      this.excludedSection(),
      new AmpSection(this.api, amp.ampcode, () => this.reload()).node(),
    );
  }

  async reload() {
    await this.load().catch((error) => this.page.failed(error));
  }

  aliasSection() {
    return section(
      "Aliases",
      {
        words: "Other names for the models of logins.",
        actions: [button("Add", () => this.editAliases(null), { "aria-label": "Add aliases" })],
      },
      listOf(
        Object.entries(this.aliases),
        ([channel, aliases]) =>
          this.entry(
            providerName(channel),
            h(
              "ul",
              { class: "plain pairs" },
              aliases.map(({ name, alias, fork }) =>
                h(
                  "li",
                  {},
                  h("code", {}, alias),
                  h("span", { class: "muted" }, " → "),
                  h("code", {}, name),
                  fork ? chip("and the original") : null,
                ),
              ),
            ),
            () => this.editAliases(channel),
            () => this.remove("oauth-model-alias", { channel }, `The aliases of ${providerName(channel)}`),
          ),
        h("p", { class: "none" }, "None."),
      ),
    );
  }

  excludedSection() {
    return section(
      "Excluded models",
      {
        words: "Models of logins that are not offered.",
        actions: [button("Add", () => this.editExcluded(null), { "aria-label": "Add excluded models" })],
      },
      listOf(
        Object.entries(this.excluded),
        ([provider, models]) =>
          this.entry(
            providerName(provider),
            h(
              "p",
              { class: "codes" },
              models.map((model) => h("code", {}, model)),
            ),
            () => this.editExcluded(provider),
            () => this.remove("oauth-excluded-models", { provider }, `The exclusions of ${providerName(provider)}`),
          ),
        h("p", { class: "none" }, "None."),
      ),
    );
  }

  entry(title, content, edit, remove) {
    return h(
      "div",
      { class: "entry" },
      h("div", { class: "entry-main" }, h("b", {}, title), content),
      h(
        "div",
        { class: "row tight" },
        button("Edit", edit, { kind: "quiet small", "aria-label": `Edit ${title}` }),
        button("Delete", remove, { kind: "quiet small bad", "aria-label": `Delete ${title}` }),
      ),
    );
  }

  channelField(chosen, used) {
    if (chosen !== null) return null;
    const free = CHANNELS.filter((channel) => !(channel in used));
    return selectInput(
      free.map((channel) => [channel, providerName(channel)]),
      free[0],
    );
  }

  async editAliases(channel) {
    const choose = this.channelField(channel, this.aliases);
    const rows = new Rows(
      "Aliases",
      [
        { key: "name", label: "Model", placeholder: "model" },
        { key: "alias", label: "Name for clients", placeholder: "name for clients" },
        { key: "fork", label: "keep the original name", check: true },
      ],
      channel === null ? [{}] : this.aliases[channel],
      { add: "Add an alias" },
    );
    await this.form({
      title: channel === null ? "Add aliases" : `Aliases: ${providerName(channel)}`,
      content: [choose && field("Provider", choose), rows.node],
      submit: () => {
        const aliases = rows.value;
        if (!aliases.length || aliases.some(({ name, alias }) => !name || !alias))
          throw new Error("Enter the model and the name for clients in each row.");
        return this.api.patch("oauth-model-alias", { channel: channel ?? choose.value, aliases });
      },
    });
  }

  async editExcluded(provider) {
    const choose = this.channelField(provider, this.excluded);
    const models = areaInput((this.excluded[provider] ?? []).join("\n"), {
      rows: 6,
      required: true,
      placeholder: "one per line; * stands for anything",
    });
    await this.form({
      title: provider === null ? "Exclude models" : `Excluded models: ${providerName(provider)}`,
      content: [choose && field("Provider", choose), field("Models", models)],
      submit: () =>
        this.api.patch("oauth-excluded-models", { provider: provider ?? choose.value, models: lines(models.value) }),
    });
  }

  async form(options) {
    const saved = await formDialog(options);
    await this.reload();
    if (saved) toast("Saved. It counts at once.");
  }

  async remove(path, selector, what) {
    if (!(await ask({ title: "Delete this?", words: `${what} are removed.`, yes: "Delete", danger: true }))) return;
    await attempt(
      () => this.api.delete(`${path}${query(selector)}`),
      "Deleted.",
      () => this.reload(),
    );
  }
}
