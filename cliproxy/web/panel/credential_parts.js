// What belongs to one credential: its models, the fields that people set, and how it did lately.

import { query } from "./api.js";
import { plain } from "./credential_state.js";
import { chip, emptyState, h, listOf, svg } from "./dom.js";
import { dialog, report } from "./feedback.js";
import { field, formDialog, headerRows, headersIn, numberInput, textInput } from "./forms.js";
import { clock, instant } from "./format.js";

/** The models that it offers. */
export async function showModels(api, file, named) {
  const { models } = await api.get(`auth-files/models${query({ name: file.id })}`).catch((error) => {
    report(error);
    return {};
  });
  if (!models) return;
  const waiting = new Map((file.cooldowns ?? []).map((one) => [one.model, one]));
  await dialog({
    title: `Models of ${named}`,
    content: () =>
      listOf(
        models,
        (model) =>
          h(
            "div",
            { class: "model" },
            h("code", {}, model.id),
            model.display_name && model.display_name !== model.id
              ? h("span", { class: "muted" }, model.display_name)
              : null,
            waits(waiting.get(model.id)),
          ),
        emptyState("No models", file.disabled ? "A disabled credential offers none." : "It offers none at the moment."),
      ),
  });
}

function waits(block) {
  return block
    ? chip(`until ${clock(instant(block.until) / 1000)}: ${plain(block.message) || block.reason}`, "warn")
    : null;
}

/** Change what people set of an auth file. True when it was saved. */
export function editFields(api, file, named) {
  const prefix = textInput(file.prefix);
  const proxy = textInput(file.proxy_url, { placeholder: "the common one", inputmode: "url" });
  const priority = numberInput(file.priority ?? "", { placeholder: "0" });
  const note = textInput(file.note);
  const before = file.headers ?? {};
  const headers = headerRows(before);
  return formDialog({
    title: `Edit ${named}`,
    content: [
      field("Prefix", prefix, "Its models are also offered as prefix/model."),
      field("Proxy", proxy, "http://, https:// or socks5://; for calls of this credential only."),
      field("Priority", priority, "Higher ones are used first."),
      field("Note", note),
      headers.node,
    ],
    submit: () => {
      const now = headersIn(headers);
      const gone = Object.fromEntries(
        Object.keys(before)
          .filter((name) => !(name in now))
          .map((name) => [name, null]),
      );
      return api.patch("auth-files/fields", {
        name: file.name,
        prefix: prefix.value.trim() || null,
        proxy_url: proxy.value.trim() || null,
        note: note.value.trim() || null,
        priority: priority.value === "" ? null : Number(priority.value),
        headers: { ...gone, ...now },
      });
    },
  });
}

/** Its last hours as twenty little bars; nothing when it was not used. */
export function lately({ recent_requests: steps = [] }) {
  const [good, bad] = ["success", "failed"].map((name) => steps.reduce((sum, step) => sum + step[name], 0));
  if (!good && !bad) return h("span", { class: "lately" });
  const most = Math.max(...steps.map((step) => step.success + step.failed));
  const words = `${good} answered${bad ? `, ${bad} failed` : ""} since ${steps[0].time.slice(0, 5)}`;
  const bars = steps.flatMap((step, index) => {
    const total = (16 * (step.success + step.failed)) / most;
    const failed = (total * step.failed) / Math.max(1, step.success + step.failed);
    return [
      ["good", total - failed, 18 - total],
      ["bad", failed, 18 - failed],
    ]
      .filter(([, height]) => height > 0)
      .map(([tone, height, y]) => svg("rect", { class: `bar ${tone}`, x: index * 5, width: 4, height, y }));
  });
  const ground = steps.map((_, index) =>
    svg("rect", { class: "bar ground", x: index * 5, width: 4, height: 2, y: 16 }),
  );
  return h(
    "span",
    { class: "lately", title: words },
    svg("svg", { viewBox: "0 0 100 18", width: 100, height: 18, role: "img", "aria-label": words }, ground, bars),
  );
}
