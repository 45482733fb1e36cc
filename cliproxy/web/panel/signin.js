// The door: asks for the management key and tries it.

import { Api } from "./api.js";
import { h, replace } from "./dom.js";
import { checkInput, field } from "./forms.js";

/** Fill `root` with the form. `entered(key, remember)` is called once a key was accepted. `said` is shown at first. */
export function signIn(root, said, entered) {
  const key = h("input", {
    class: "input",
    type: "password",
    autocomplete: "current-password",
    required: true,
    autofocus: true,
  });
  const remember = checkInput("Remember the key in this browser", false);
  const wrong = h("p", { class: "form-error", role: "alert" }, said);
  const send = h("button", { type: "submit", class: "button primary wide" }, "Log in");
  const form = h(
    "form",
    { class: "form", novalidate: true },
    field("Management key", key, "The remote-management.secret-key of the configuration. The first start prints one."),
    remember.node,
    wrong,
    send,
  );

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    replace(wrong, await refusal(key.value));
    send.disabled = false;
    if (wrong.textContent) key.select();
    else entered(key.value, remember.value);
  });
  replace(
    root,
    h("main", { class: "signin" }, h("div", { class: "signin-box" }, brand(), h("h1", {}, "Control panel"), form)),
  );
  key.focus();
}

/** Why nobody gets in with this key; empty when it is the right one. */
async function refusal(key) {
  if (!key) return "Enter the management key.";
  try {
    await new Api(key).get("debug");
    return "";
  } catch (error) {
    return wordsOf(error);
  }
}

/** An error at the door, in words. */
export function wordsOf(error) {
  return error.status === 404
    ? "Management is switched off: there is no management key. Set remote-management.secret-key in the configuration."
    : error.message;
}

/** Our name with its sign. */
export function brand() {
  return h(
    "div",
    { class: "brand" },
    h("img", { src: "management/icon.svg", alt: "", width: 24, height: 24 }),
    h("span", {}, "CLI Proxy"),
  );
}
