// Logging in with an account, from this page: start, go there, come back (by itself or by pasting), done.

import { query } from "./api.js";
import { button, h, listOf, replace } from "./dom.js";
import { attempt, copy, dialog, toast } from "./feedback.js";
import { areaInput, field, formDialog, textInput } from "./forms.js";
import { poll } from "./poll.js";

const POLL_SECONDS = 1;

/** `route` starts it, `provider` is its name at oauth-callback; without `provider` there is no address to paste. */
const LOGINS = [
  { title: "Claude", words: "Claude Pro, Max or Team", route: "anthropic-auth-url", provider: "anthropic" },
  { title: "Codex", words: "ChatGPT Plus, Pro or Team", route: "codex-auth-url", provider: "codex" },
  {
    title: "Gemini CLI",
    words: "Google account, with a Cloud project",
    route: "gemini-cli-auth-url",
    provider: "gemini",
    project: true,
  },
  { title: "Antigravity", words: "Google account", route: "antigravity-auth-url", provider: "antigravity" },
  { title: "Qwen", words: "Qwen account, with a code", route: "qwen-auth-url" },
  { title: "iFlow", words: "iFlow account", route: "iflow-auth-url", provider: "iflow" },
  { title: "iFlow with a cookie", words: "the BXAuth cookie of a browser", run: cookieLogin },
  { title: "Vertex", words: "a service account's key file", run: vertexImport },
];

/** Let people choose a provider and log in. True when an account was added. */
export async function logIn(api, signal) {
  const chosen = await dialog({
    title: "Log in with",
    signal,
    content: (close) =>
      listOf(
        LOGINS,
        (login) =>
          h(
            "button",
            { type: "button", class: "choice", onclick: () => close(login) },
            h("span", {}, login.title),
            h("span", { class: "muted" }, login.words),
          ),
        null,
        { class: "plain choices" },
      ),
  });
  if (!chosen) return false;
  if (chosen.run) return chosen.run(api);
  let project = "";
  if (chosen.project) {
    project = await askProject();
    if (project === null) return false;
  }
  return new BrowserLogin(api, chosen, project).run(signal);
}

async function askProject() {
  const id = textInput("", { placeholder: "automatic" });
  const sure = await formDialog({
    title: "Google Cloud project",
    yes: "Continue",
    size: "small",
    content: field(
      "Project id",
      id,
      "Empty: the first of your projects, or the one that Google assigns. ALL: every project.",
    ),
    submit: async () => {},
  });
  return sure ? id.value.trim() : null;
}

/** A login that goes on in another tab. */
class BrowserLogin {
  constructor(api, login, project) {
    this.api = api;
    this.login = login;
    this.project = project;
    this.status = h("p", { class: "login-status", role: "status" });
  }

  async run(signal) {
    const started = await this.start();
    if (!started) return false;
    const waiting = new AbortController();
    let finished = false;
    const done = await dialog({
      title: `Log in with ${this.login.title}`,
      signal,
      content: (close) => {
        poll(
          () => this.look(started.state, close),
          POLL_SECONDS,
          waiting.signal,
          (error) => replace(this.status, error.message),
        );
        return this.content(started);
      },
      actions: (close) => [button("Cancel this login", () => close(false))],
    });
    finished = done === true;
    waiting.abort();
    if (!finished && done !== "failed") await this.cancel(started.state);
    return finished;
  }

  /** Start it; with the way back to this server's own machine if its port is free, else with pasting only. */
  async start() {
    let started = null;
    const ok = await attempt(async () => {
      const options = { project_id: this.project };
      try {
        started = await this.api.get(`${this.login.route}${query({ ...options, is_webui: "true" })}`);
      } catch (error) {
        if (error.body?.error !== "failed to start callback server") throw error;
        started = await this.api.get(`${this.login.route}${query(options)}`);
      }
      if (!/^https?:\/\//i.test(started.url)) throw new Error("The server gave no address to open.");
    });
    if (ok) window.open(started.url, "_blank", "noopener,noreferrer");
    return ok ? started : null;
  }

  content({ url, state }) {
    replace(this.status, "Waiting for you to finish in the other tab …");
    return [
      h(
        "ol",
        { class: "steps" },
        h(
          "li",
          {},
          h("p", {}, "Log in on the page that has opened. If none has:"),
          h(
            "div",
            { class: "row" },
            h(
              "a",
              { class: "button primary", href: url, target: "_blank", rel: "noopener noreferrer" },
              "Open the login page",
            ),
            button("Copy the address", () => copy(url, "Address")),
          ),
          h("p", { class: "address mono" }, url),
        ),
        this.login.provider
          ? h(
              "li",
              {},
              h(
                "p",
                {},
                "Does the browser end on a page that cannot be reached (its address begins with http://localhost)? Then this browser is not on the server's machine. Copy that address and paste it here:",
              ),
              this.pasting(state),
            )
          : null,
      ),
      this.status,
    ];
  }

  pasting(state) {
    const address = textInput("", { inputmode: "url", placeholder: "http://localhost:…/callback?code=…&state=…" });
    const form = h(
      "form",
      { class: "inline-form" },
      field("Address after the login", address),
      h("button", { type: "submit", class: "button" }, "Send"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!address.value.trim()) return;
      attempt(async () => {
        await this.api.post("oauth-callback", {
          provider: this.login.provider,
          redirect_url: address.value.trim(),
          state: stateIn(address.value) ? "" : state,
        });
        replace(this.status, "The server finishes the login …");
      });
    });
    return form;
  }

  async look(state, close) {
    const { status, error } = await this.api.get(`get-auth-status${query({ state })}`);
    if (status === "ok") {
      toast(`Logged in with ${this.login.title}.`);
      close(true);
    } else if (status === "error") {
      toast(`The login with ${this.login.title} failed: ${error}`, "bad");
      close("failed");
    }
  }

  async cancel(state) {
    await attempt(() => this.api.delete(`oauth-session${query({ state })}`), "The login was cancelled.");
  }
}

function stateIn(address) {
  return /[?&#]state=/.test(address);
}

async function cookieLogin(api) {
  const cookie = areaInput("", { required: true, placeholder: "BXAuth=…;" });
  return formDialog({
    title: "iFlow with a cookie",
    yes: "Log in",
    content: field(
      "Cookie",
      cookie,
      "Log in at platform.iflow.cn, then copy the cookie BXAuth from the developer tools of your browser.",
    ),
    submit: async () => {
      const made = await api.post("iflow-auth-url", { cookie: cookie.value });
      toast(`Logged in as ${made.email}.`);
    },
  });
}

async function vertexImport(api) {
  const file = h("input", { type: "file", accept: ".json,application/json", required: true, class: "input" });
  const location = textInput("us-central1", { required: true });
  return formDialog({
    title: "Vertex service account",
    yes: "Import",
    content: [
      field("Key file", file, "The JSON key of a service account, from the Google Cloud console."),
      field("Location", location),
    ],
    submit: async () => {
      const form = new FormData();
      form.append("file", file.files[0], file.files[0].name);
      form.append("location", location.value.trim());
      const made = await api.post("vertex/import", form);
      toast(`Imported ${made.email} of ${made.project_id}.`);
    },
  });
}
