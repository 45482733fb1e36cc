// All settings of one value (management-api.md 6). Every change is saved at once.

import { fresh, h, replace, section } from "../dom.js";
import { attempt } from "../feedback.js";
import { numberInput, selectInput, switchInput, textInput } from "../forms.js";

/** [title, settings]; a setting: {path, label, hint?, kind: flag | number | text | choice, unit?, least?, choices?}. */
const GROUPS = [
  [
    "Requests",
    [
      {
        path: "request-retry",
        kind: "number",
        label: "Further rounds",
        hint: "over all credentials when all have failed",
        least: 0,
      },
      {
        path: "max-retry-interval",
        kind: "number",
        label: "Longest wait for a credential",
        hint: "before a further round, until the first cooldown ends",
        unit: "s",
        least: 0,
      },
      {
        path: "routing/strategy",
        kind: "choice",
        label: "Order of credentials",
        choices: [
          ["round-robin", "in turn"],
          ["fill-first", "one until it has no quota left"],
        ],
      },
      { path: "force-model-prefix", kind: "flag", label: "Models of entries with a prefix need the prefix" },
      {
        path: "proxy-url",
        kind: "text",
        label: "Proxy for all calls to providers",
        hint: "http://, https:// or socks5://; empty: what the environment says, else direct",
      },
      {
        path: "quota-exceeded/switch-project",
        kind: "flag",
        label: "Switch the project when a quota is used up",
        hint: "accepted for other tools; without effect here",
      },
      {
        path: "quota-exceeded/switch-preview-model",
        kind: "flag",
        label: "Switch to a preview model when a quota is used up",
        hint: "accepted for other tools; without effect here",
      },
    ],
  ],
  ["Access", [{ path: "ws-auth", kind: "flag", label: "The WebSocket relay needs a client key" }]],
  [
    "Logs and figures",
    [
      {
        path: "logging-to-file",
        kind: "flag",
        label: "Log into a file",
        hint: "else to standard output; the Logs view needs the file",
      },
      { path: "debug", kind: "flag", label: "More lines in the log" },
      {
        path: "logs-max-total-size-mb",
        kind: "number",
        label: "All log files together",
        hint: "0: no limit",
        unit: "MB",
        least: 0,
      },
      {
        path: "request-log",
        kind: "flag",
        label: "Write down every request and answer",
        hint: "these files hold your conversations",
      },
      {
        path: "error-logs-max-files",
        kind: "number",
        label: "Files of failed requests that are kept",
        hint: "0: all",
        least: 0,
      },
      { path: "usage-statistics-enabled", kind: "flag", label: "Count requests and tokens per model and key" },
    ],
  ],
];

export default { path: "settings", title: "Settings", show };

async function show(page) {
  const config = await page.api.get("config", page.signal);
  replace(
    page.root,
    GROUPS.map(([title, settings]) =>
      section(
        title,
        {},
        h(
          "div",
          { class: "settings" },
          settings.map((setting) => settingOf(page.api, setting, valueOf(config, setting.path))),
        ),
      ),
    ),
    h(
      "p",
      { class: "muted" },
      "Address, port, TLS and everything else is in the ",
      h("a", { href: "#/config" }, "configuration file"),
      ".",
    ),
  );
}

function valueOf(config, path) {
  return path.split("/").reduce((value, key) => value?.[key], config);
}

function settingOf(api, setting, value) {
  const hint = setting.hint ? h("p", { class: "hint", id: fresh("hint") }, setting.hint) : null;
  const described = { "aria-describedby": hint?.id };
  if (setting.kind === "flag") {
    return h(
      "div",
      { class: "setting" },
      h(
        "div",
        {},
        switchInput(setting.label, Boolean(value), (event) => saveFlag(api, setting, event.target), described),
        hint,
      ),
    );
  }
  const input = inputOf(setting, value, { id: fresh("setting"), ...described });
  let saved = input.value;
  input.addEventListener("change", async () => {
    const wrong = input.validity.valid ? null : input.validationMessage;
    const done = await attempt(async () => {
      if (wrong !== null || (setting.kind === "number" && input.value === ""))
        throw new Error(`${setting.label}: ${wrong || "enter a number."}`);
      await api.put(setting.path, { value: setting.kind === "number" ? Number(input.value) : input.value.trim() });
    }, `${setting.label}: saved.`);
    if (done) saved = input.value;
    else input.value = saved;
  });
  return h(
    "div",
    { class: `setting for-${setting.kind}` },
    h("div", {}, h("label", { class: "setting-name", for: input.id }, setting.label), hint),
    h("div", { class: "with-unit" }, input, setting.unit ? h("span", { class: "muted" }, setting.unit) : null),
  );
}

function inputOf(setting, value, attributes) {
  if (setting.kind === "number") return numberInput(value ?? 0, { min: setting.least, ...attributes });
  if (setting.kind === "choice") return selectInput(setting.choices, value || setting.choices[0][0], attributes);
  return textInput(value, attributes);
}

async function saveFlag(api, setting, box) {
  const done = await attempt(
    () => api.put(setting.path, { value: box.checked }),
    `${setting.label}: ${box.checked ? "on" : "off"}.`,
  );
  if (!done) box.checked = !box.checked;
}
