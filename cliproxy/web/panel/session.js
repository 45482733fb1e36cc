// The management key while somebody is logged in: for this tab, or, if they say so, for this browser.

const NAME = "cliproxy.management-key";

/** The key that was left here, or null. */
export function stored() {
  return read(sessionStorage) ?? read(localStorage);
}

export function keep(key, remember) {
  forget();
  try {
    (remember ? localStorage : sessionStorage).setItem(NAME, key);
  } catch {
    // storage is blocked: the key lasts as long as the page
  }
}

export function forget() {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      storage.removeItem(NAME);
    } catch {
      // blocked: nothing was stored either
    }
  }
}

function read(storage) {
  try {
    return storage.getItem(NAME);
  } catch {
    return null;
  }
}
