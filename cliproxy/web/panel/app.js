// The frame: logging in and out, the navigation, and one view at a time.

import { Api } from "./api.js";
import { button, h, replace } from "./dom.js";
import { ask, dialog } from "./feedback.js";
import { forget, keep, stored } from "./session.js";
import { brand, signIn, wordsOf } from "./signin.js";
import config from "./views/config.js";
import credentials from "./views/credentials.js";
import keys from "./views/keys.js";
import logs from "./views/logs.js";
import models from "./views/models.js";
import overview from "./views/overview.js";
import requests from "./views/requests.js";
import settings from "./views/settings.js";

const VIEWS = [overview, credentials, keys, models, settings, requests, logs, config];
const THEMES = [
  ["auto", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];
const root = document.getElementById("app");

/** One view as it is shown: where it draws, what it may use, and how it ends. */
class Page {
  constructor(api, view, rest, frame) {
    this.api = api;
    this.rest = rest;
    this.view = view;
    this.root = frame.content;
    this.actions = frame.actions;
    this.ending = new AbortController();
    this.signal = this.ending.signal;
    this.unsaved = () => false;
    this.trouble = frame.trouble;
  }

  /** Something that is asked for again and again failed, or (null) works again. */
  failed(error) {
    if (!this.signal.aborted) this.trouble(error); // else another view is shown by now
  }
}

class Frame {
  constructor(api, logOut) {
    this.api = api;
    this.page = null;
    this.ended = new AbortController();
    this.build(logOut);
    window.addEventListener("hashchange", () => this.navigate(), { signal: this.ended.signal });
    window.addEventListener("beforeunload", (event) => this.page?.unsaved() && event.preventDefault(), {
      signal: this.ended.signal,
    });
    this.navigate();
  }

  build(logOut) {
    this.logOut = logOut;
    this.title = h("h1", { tabindex: "-1" });
    this.actions = h("div", { class: "row actions" });
    this.content = h("div", { class: "content" });
    this.banner = h("div", { class: "banner bad", role: "alert", hidden: true });
    this.list = this.links();
    const menu = button("Menu", () => this.openMenu(), { kind: "quiet", "aria-haspopup": "dialog" });
    replace(
      root,
      h("a", { class: "skip", href: "#content", onclick: (event) => this.skip(event) }, "To the content"),
      h(
        "div",
        { class: "frame" },
        h("header", { class: "top" }, brand(), menu),
        h(
          "nav",
          { class: "side", "aria-label": "Views" },
          h("div", { class: "side-inner" }, brand(), this.list, this.foot()),
        ),
        h(
          "main",
          { class: "main", id: "content" },
          h("div", { class: "head" }, this.title, this.actions),
          this.banner,
          this.content,
        ),
      ),
    );
  }

  links(onclick = null) {
    return h(
      "ul",
      { class: "links" },
      VIEWS.map((view) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: `#/${view.path}`, onclick, "aria-current": view === this.page?.view ? "page" : null },
            view.title,
          ),
        ),
      ),
    );
  }

  markLinks() {
    VIEWS.forEach((view, index) => {
      const link = this.list.children[index].firstChild;
      if (view === this.page.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  }

  foot() {
    const choose = h(
      "select",
      { class: "input small theme", "aria-label": "Colours", onchange: () => setTheme(choose.value) },
      THEMES.map(([key, name]) => h("option", { value: key, selected: key === theme() }, name)),
    );
    return h(
      "div",
      { class: "side-foot" },
      choose,
      button("Log out", () => this.leave(), { kind: "quiet" }),
    );
  }

  openMenu() {
    dialog({
      title: "Menu",
      size: "drawer",
      content: (close) => [this.links(() => close()), this.foot()],
      signal: this.ended.signal,
    });
  }

  skip(event) {
    event.preventDefault();
    this.title.focus();
  }

  async leave() {
    if (await this.mayLeave()) this.logOut("");
  }

  async mayLeave() {
    return (
      !this.page?.unsaved() ||
      ask({
        title: "Unsaved changes",
        words: "What you have changed here is not saved.",
        yes: "Discard the changes",
        danger: true,
      })
    );
  }

  async navigate() {
    const [path, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
    const view = VIEWS.find((one) => one.path === path);
    if (!view) {
      history.replaceState(null, "", `#/${overview.path}`);
      this.navigate();
      return;
    }
    if (this.shown === location.hash) return;
    const wanted = location.hash;
    if (this.page?.unsaved()) {
      history.replaceState(null, "", this.shown);
      if (!(await this.mayLeave())) return;
      history.replaceState(null, "", wanted);
    }
    this.show(view, rest, wanted);
  }

  show(view, rest, hash) {
    const first = this.page === null;
    this.page?.ending.abort();
    this.shown = hash;
    this.trouble(null);
    this.page = new Page(this.api, view, rest, {
      content: this.content,
      actions: this.actions,
      trouble: (error) => this.trouble(error),
    });
    document.title = `${view.title} · CLI Proxy`;
    replace(this.title, view.title);
    replace(this.actions);
    replace(this.content);
    this.markLinks();
    window.scrollTo(0, 0);
    if (!first) this.title.focus({ preventScroll: true });
    this.run(view);
  }

  async run(view) {
    const page = this.page;
    this.content.setAttribute("aria-busy", "true");
    try {
      await view.show(page);
      if (!page.signal.aborted) this.content.setAttribute("aria-busy", "false");
    } catch (error) {
      if (page.signal.aborted) return;
      this.content.setAttribute("aria-busy", "false");
      replace(
        page.root,
        h(
          "div",
          { class: "empty" },
          h("p", { class: "empty-title" }, "This view could not be loaded"),
          h("p", {}, error.message),
          h(
            "div",
            { class: "row" },
            button("Try again", () => this.show(view, page.rest, this.shown)),
          ),
        ),
      );
      if (!error.status && error.status !== 0) throw error;
    }
  }

  trouble(error) {
    this.banner.hidden = error === null;
    replace(this.banner, error?.message);
  }

  end() {
    this.page?.ending.abort();
    this.ended.abort();
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function setTheme(chosen) {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  for (const other of document.querySelectorAll("select.theme")) other.value = chosen;
  try {
    if (chosen === "auto") localStorage.removeItem("cliproxy.theme");
    else localStorage.setItem("cliproxy.theme", chosen);
  } catch {
    // blocked: it lasts as long as the page
  }
}

function open(key) {
  let frame = null;
  const out = (said) => {
    if (frame === null) return;
    forget();
    frame.end();
    frame = null;
    for (const one of document.querySelectorAll("dialog[open]")) one.close();
    document.title = "CLI Proxy";
    signIn(root, said, entered);
  };
  frame = new Frame(new Api(key, (error) => out(wordsOf(error))), out);
}

function entered(key, remember) {
  keep(key, remember);
  open(key);
}

async function start() {
  const key = stored();
  if (key === null) {
    signIn(root, "", entered);
    return;
  }
  try {
    await new Api(key).get("debug");
  } catch (error) {
    if (error.status === 401) forget();
    signIn(root, error.status === 401 ? "The key that was kept here is not valid any more." : wordsOf(error), entered);
    return;
  }
  open(key);
}

start();
