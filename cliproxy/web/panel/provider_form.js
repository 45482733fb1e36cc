// The kinds of providers with an API key (management-api.md 8.1) and the form for an entry of theirs.

import { h } from "./dom.js";
import { areaInput, field, formDialog, headerRows, headersIn, lines, numberInput, Rows, textInput } from "./forms.js";

/** `models`: must there be any, may there be any; `excluded`: can models be left out. */
export const PROVIDERS = [
  {
    list: "openai-compatibility",
    title: "OpenAI-compatible",
    words: "Any service that speaks Chat Completions; only the models listed are offered.",
    named: true,
    address: true,
    models: "required",
  },
  { list: "claude-api-key", title: "Claude", words: "Anthropic's API, or a service that speaks it.", excluded: true },
  { list: "gemini-api-key", title: "Gemini", words: "Google's Gemini API with a key.", excluded: true },
  {
    list: "codex-api-key",
    title: "Codex",
    words: "A service that speaks the Responses protocol of Codex.",
    address: true,
    excluded: true,
  },
  {
    list: "vertex-api-key",
    title: "Vertex",
    words: "Vertex with an API key, or a service that speaks its protocol.",
    address: true,
  },
];

const KEY_COLUMNS = [
  { key: "api-key", label: "API key", placeholder: "API key" },
  { key: "proxy-url", label: "Proxy", placeholder: "proxy, if any" },
];
const MODEL_COLUMNS = [
  { key: "name", label: "Name at the provider", placeholder: "name at the provider" },
  { key: "alias", label: "Name for clients", placeholder: "name for clients" },
];

/** Edit an entry (null: a new one). `save(entry)` stores it. True when it was saved. */
export function editProvider(kind, entry, save) {
  const form = new ProviderForm(kind, entry ?? {});
  return formDialog({
    title: `${entry ? "Edit" : "Add"}: ${kind.title}`,
    content: form.content(),
    submit: () => save(form.read()),
  });
}

class ProviderForm {
  constructor(kind, old) {
    this.kind = kind;
    this.old = old;
    this.texts = this.textFields();
    this.priority = numberInput(old.priority ?? "", { placeholder: "0" });
    this.models = new Rows("Models", MODEL_COLUMNS, old.models ?? (kind.models === "required" ? [{}] : []), {
      add: "Add a model",
      hint: kind.models === "required" ? "" : "None: the models that are built in.",
    });
    this.headers = headerRows(old.headers);
    this.keys = kind.named
      ? new Rows("Keys", KEY_COLUMNS, old["api-key-entries"] ?? [{}], {
          add: "Add a key",
          hint: "Several keys are used in turn. None: calls go out without a key.",
        })
      : null;
    this.excluded = kind.excluded
      ? areaInput((old["excluded-models"] ?? []).join("\n"), { placeholder: "one per line; * stands for anything" })
      : null;
  }

  /** Lines of text by the name of their member. */
  textFields() {
    const { kind, old } = this;
    const own = kind.named
      ? { name: textInput(old.name, { required: true }) }
      : {
          "api-key": textInput(old["api-key"], { required: true, class: "input mono" }),
          "proxy-url": textInput(old["proxy-url"], { inputmode: "url", placeholder: "the common one" }),
        };
    return {
      ...own,
      "base-url": textInput(old["base-url"], {
        required: kind.address === true,
        inputmode: "url",
        placeholder: "https://",
      }),
      prefix: textInput(old.prefix),
    };
  }

  content() {
    const { kind, texts } = this;
    return [
      kind.named ? field("Name", texts.name) : field("API key", texts["api-key"]),
      field("Address", texts["base-url"], kind.address ? "" : "Empty: the provider's own."),
      this.keys?.node,
      this.models.node,
      h(
        "details",
        { class: "more" },
        h("summary", {}, "More"),
        field("Prefix", texts.prefix, "The models are also offered as prefix/model."),
        texts["proxy-url"]
          ? field("Proxy", texts["proxy-url"], "http://, https:// or socks5://; for this entry only.")
          : null,
        field("Priority", this.priority, "Higher ones are used first."),
        this.excluded ? field("Models that are not offered", this.excluded) : null,
        this.headers.node,
      ),
    ];
  }

  /** The entry that the form shows. What the form does not know is kept. */
  read() {
    this.check();
    const entry = { ...this.old };
    for (const [name, input] of Object.entries(this.texts)) put(entry, name, input.value.trim());
    put(entry, "priority", Number(this.priority.value) || 0);
    put(
      entry,
      "models",
      this.models.value.map((model) => ({
        ...model,
        alias: model.alias || model.name,
        name: model.name || model.alias,
      })),
    );
    put(entry, "headers", headersIn(this.headers));
    if (this.keys)
      put(
        entry,
        "api-key-entries",
        this.keys.value.map((key) => (key["proxy-url"] ? key : { "api-key": key["api-key"] })),
      );
    if (this.excluded) put(entry, "excluded-models", lines(this.excluded.value));
    return entry;
  }

  check() {
    const address = this.texts["base-url"].value.trim();
    if (address && !/^https?:\/\/\S+$/.test(address))
      throw new Error("The address must begin with http:// or https://.");
    if (this.kind.models === "required" && !this.models.value.length)
      throw new Error("Enter at least one model: only the models listed here are offered.");
  }
}

/** Set a member; one that is empty is left out, unless it was there. */
function put(entry, name, value) {
  const empty = value === "" || value === 0 || (typeof value === "object" && Object.keys(value).length === 0);
  if (empty && !(name in entry)) return;
  entry[name] = value;
}
