// The configuration file itself, with the server's objections at their lines.

import { button, h, replace } from "../dom.js";
import { Editor } from "../editor.js";
import { ask, report, toast } from "../feedback.js";

export default { path: "config", title: "Configuration", show };

async function show(page) {
  const view = new Config(page);
  await view.load();
}

class Config {
  constructor(page) {
    this.page = page;
    this.api = page.api;
    this.editor = new Editor(
      "Configuration file",
      () => this.changed(),
      () => this.save(),
    );
    this.problems = h("div", { role: "alert" });
    this.state = h("p", { class: "muted", role: "status" });
    this.saving = button("Save", () => this.save(), { kind: "primary" });
    this.revert = button("Revert", () => this.undo());
    page.unsaved = () => this.editor.text !== this.saved;
  }

  async load() {
    const [text, status] = await Promise.all([
      this.api.text("config.yaml", this.page.signal),
      this.api.get("config-status", this.page.signal),
    ]);
    this.saved = text;
    this.path = status.path;
    this.editor.text = text;
    replace(this.page.actions, this.revert, this.saving);
    replace(this.page.root, this.problems, this.state, this.editor.node);
    this.show(
      (status.errors ?? []).map(({ line, key, message }) => ({ line, words: key ? `${key}: ${message}` : message })),
      "The file on the server has problems. The configuration that was loaded before stays in use.",
    );
    this.changed();
    this.editor.fit();
  }

  changed() {
    const dirty = this.page.unsaved();
    this.saving.disabled = this.revert.disabled = !dirty;
    replace(this.state, `${this.path ?? ""} · ${dirty ? "changed, not saved" : "saved"}`);
  }

  async undo() {
    if (!(await ask({ title: "Revert?", words: "What you have changed is lost.", yes: "Revert", danger: true })))
      return;
    await this.load().catch(report);
  }

  async save() {
    if (!this.page.unsaved() || this.busy) return;
    this.busy = true;
    try {
      await this.send(this.editor.text);
    } catch (error) {
      const problems = error.status === 400 || error.status === 422 ? problemsIn(error.body?.message ?? "") : [];
      if (problems.length) this.show(problems, "Not saved. Put this right first:");
      else report(error);
    } finally {
      this.busy = false;
    }
  }

  async send(text) {
    if ((await this.api.text("config.yaml")) !== this.saved) {
      const sure = await ask({
        title: "The file has changed",
        words:
          "Somebody else, or another view, has changed the file on the server since you opened it. Saving undoes that.",
        yes: "Save all the same",
        danger: true,
      });
      if (!sure) return;
    }
    await this.api.json("PUT", "config.yaml", text);
    const stored = await this.api.text("config.yaml"); // a management key in it has become a hash
    if (this.editor.text === text) this.editor.text = stored;
    this.saved = stored;
    this.show([], "");
    this.changed();
    toast("Saved. The configuration is in use.");
  }

  show(problems, title) {
    this.editor.mark(problems.map(({ line }) => line));
    replace(
      this.problems,
      problems.length
        ? h(
            "div",
            { class: "problems" },
            h("p", { class: "empty-title" }, title),
            h(
              "ul",
              {},
              problems.map(({ line, words }) =>
                h(
                  "li",
                  {},
                  line ? [button(`Line ${line}`, () => this.editor.go(line), { kind: "link" }), " "] : null,
                  words,
                ),
              ),
            ),
          )
        : null,
    );
    if (problems[0]?.line) this.editor.reveal(problems[0].line);
  }
}

/** The server lists problems as "line 3: key: what is wrong", with semicolons between them. */
export function problemsIn(message) {
  return message
    .split(/; (?=line \d+: )|\n/)
    .filter(Boolean)
    .map((one) => {
      const match = /^line (\d+): (.*)$/s.exec(one);
      return match ? { line: Number(match[1]), words: match[2] } : { line: null, words: one };
    });
}
