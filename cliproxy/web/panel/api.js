// The management API. Paths are relative to the page, so that it also works below a prefix.

const BASE = new URL("v0/management/", new URL(".", location.href));

/** An answer that is not 2xx. `status` 0: there was no answer. `body` is its JSON, or null. */
export class ApiError extends Error {
  constructor(status, body, text) {
    super(words(status, body, text));
    this.status = status;
    this.body = body;
  }
}

/** What went wrong, in words. */
function words(status, body, text) {
  if (status === 0) return "The server does not answer. Is it still running?";
  if (typeof body?.error === "string") return said(body.error, body.message);
  if (status === 404)
    return "The server does not know this. It may be older than this page, or the management API is switched off.";
  return text?.trim().slice(0, 300) || `The server answered with status ${status}.`;
}

/** `error` is a text or a code, `message` may say more. */
function said(error, message) {
  const sentence = SENTENCES[error] ?? error;
  if (!message) return sentence;
  return CODES.has(error) ? message : `${sentence}: ${message}`;
}

/** Errors that are codes rather than words: what the answer says besides is enough. */
const CODES = new Set([
  "invalid_yaml",
  "invalid_config",
  "write_failed",
  "reload_failed",
  "read_failed",
  "not_found",
  "save_failed",
  "request_failed",
  "unexpected_status",
  "decode_failed",
  "invalid_response",
  "request_create_failed",
]);

const SENTENCES = {
  "invalid body": "The server did not accept these values",
  "missing management key": "The management key is missing.",
  "invalid management key": "This is not the management key.",
  "remote management disabled":
    "Management from other machines is switched off. Set remote-management.allow-remote to true in the configuration, or open this page on the server's own machine.",
  "logging to file disabled": "The log does not go to a file.",
  "item not found": "This entry does not exist any more.",
  "auth file not found": "This credential does not exist any more.",
  "unknown or expired state": "This login is over or has expired. Start it again.",
  "oauth flow is not pending": "This login is over already. Start it again.",
  "state is required": "The address has no state in it. Copy the whole address from the browser.",
  "code or error is required":
    "The address has no code in it. Copy the whole address from the browser, after the login.",
  "invalid redirect_url": "This is not an address.",
  "provider does not match state": "This address belongs to the login of another provider.",
  "failed to start callback server": "The port that this login comes back to is in use on the server.",
};

export class Api {
  /** `refused` is called with the error when the key is not accepted (any more). */
  constructor(key, refused = () => {}) {
    this.key = key;
    this.refused = refused;
  }

  get(path, signal) {
    return this.json("GET", path, undefined, signal);
  }

  put(path, body) {
    return this.json("PUT", path, body);
  }

  patch(path, body) {
    return this.json("PATCH", path, body);
  }

  post(path, body) {
    return this.json("POST", path, body);
  }

  delete(path) {
    return this.json("DELETE", path);
  }

  /** A call with a JSON body (undefined: none), a FormData or text; its JSON answer. */
  async json(method, path, body, signal) {
    const response = await this.fetch(method, path, body, signal);
    return response.json();
  }

  /** The answer as text. */
  async text(path, signal) {
    return (await this.fetch("GET", path, undefined, signal)).text();
  }

  /** The answer as a Blob, to be saved. */
  async blob(path) {
    return (await this.fetch("GET", path)).blob();
  }

  async fetch(method, path, body, signal) {
    const headers = { Authorization: `Bearer ${this.key}` };
    let data = body;
    if (body !== undefined && !(body instanceof FormData) && typeof body !== "string") {
      data = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    let response;
    try {
      response = await fetch(new URL(path, BASE), { method, headers, body: data, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, null, "");
    }
    if (response.ok) return response;
    const text = await response.text();
    let parsed = null;
    try {
      parsed = JSON.parse(text);
    } catch {
      // not JSON: the text itself has to do
    }
    const error = new ApiError(response.status, parsed, text);
    if (response.status === 401 || response.status === 403) this.refused(error);
    throw error;
  }
}

/** A query string: `query({a: 1, b: null})` -> "?a=1". */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Have the browser save something as a file. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
