// What the state of a credential means (management-api.md 11.1), in one place for all views.

import { instant, masked, span } from "./format.js";

/** {tone, word}: the state for a chip. */
export function stateOf(file) {
  if (file.disabled) return { tone: "", word: "disabled" };
  if (secondsLeft(file) > 0)
    return file.unavailable ? { tone: "bad", word: "waiting" } : { tone: "warn", word: "partly waiting" };
  if (file.status === "error") return { tone: "bad", word: "last call failed" };
  if (file.status === "pending" || file.status === "refreshing") return { tone: "info", word: file.status };
  return file.status === "active" ? { tone: "good", word: "active" } : { tone: "", word: file.status };
}

/** Seconds until its first block ends, 0 without one. */
export function secondsLeft(file) {
  const moments = [file.next_retry_after, ...(file.cooldowns ?? []).map((one) => one.until)]
    .filter(Boolean)
    .map(instant);
  const first = Math.min(...moments.filter((moment) => moment > Date.now()));
  return Number.isFinite(first) ? (first - Date.now()) / 1000 : 0;
}

/** {tone, words} when somebody should look at it, else null. */
export function needs(file) {
  const state = stateOf(file);
  if (state.word === "waiting")
    return { tone: "bad", words: `is not used for ${span(secondsLeft(file))}: ${reasonOf(file)}` };
  if (state.word === "last call failed")
    return { tone: "warn", words: plain(file.status_message) || "the last call failed" };
  return null;
}

/** Why it waits. */
export function reasonOf(file) {
  const block = (file.cooldowns ?? [])[0];
  const words = block ? plain(block.message) || block.reason : plain(file.status_message) || "no reason is known";
  return block?.model && !file.unavailable ? `${block.model}: ${words}` : words;
}

/** The message in an upstream's JSON; other text as it is. */
export function plain(text) {
  try {
    const { error } = JSON.parse(text);
    return (typeof error === "string" ? error : error.message) || text;
  } catch {
    return text ?? "";
  }
}

/** What people recognise it by: an account's address, a key with its middle left out. */
export function shownName(file) {
  if (isAccount(file)) return file.email || file.account || file.label || file.name;
  return `${providerName(file.provider)} ${masked(file.account || file.label)}`;
}

/** True for an account with a file or a connection of its own; false for a key of the configuration. */
export function isAccount(file) {
  return Boolean(file.path) || file.runtime_only;
}

const NAMES = {
  claude: "Claude",
  codex: "Codex",
  "gemini-cli": "Gemini CLI",
  gemini: "Gemini",
  antigravity: "Antigravity",
  qwen: "Qwen",
  iflow: "iFlow",
  vertex: "Vertex",
  aistudio: "AI Studio",
  demo: "Offline demo",
};

/** A provider as people call it. */
export function providerName(key) {
  return NAMES[key] ?? key;
}
