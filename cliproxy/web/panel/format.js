// Numbers, times and secrets as people read them.

const COUNT = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12345 -> 12,345 */
export const count = (value) => COUNT.format(value);

/** 12345 -> 12.3K */
export const short = (value) => (Math.abs(value) < 10000 ? COUNT.format(value) : SHORT.format(value));

/** Milliseconds: 0.4 -> 0.4 ms, 231 -> 231 ms, 4210 -> 4.2 s, 83000 -> 1 min 23 s. Nothing known: an en dash. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
  return span(ms / 1000);
}

/** Seconds: 3725 -> 1 h 2 min. The two largest units. */
export function span(seconds) {
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  let rest = Math.max(0, Math.ceil(seconds));
  const parts = [];
  for (const [name, size] of units) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number || (name === "s" && !parts.length)) parts.push(`${number} ${name}`);
    else if (parts.length) break;
  }
  return parts.slice(0, 2).join(" ");
}

/** Bytes. */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB"];
  let number = value;
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/** Unix seconds -> the clock time, with the date when it is not today. */
export function clock(seconds, { withSeconds = true } = {}) {
  const date = new Date(seconds * 1000);
  const time = two(date.getHours(), date.getMinutes(), ...(withSeconds ? [date.getSeconds()] : []));
  return date.toDateString() === new Date().toDateString() ? time : `${day(date)} ${time}`;
}

function two(...parts) {
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** A date as 2026-01-02. */
function day(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}

/** An RFC 3339 time -> Unix milliseconds with their fraction (browsers drop what is below a millisecond). NaN = no time. */
export function instant(text) {
  const match = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.exec(text.trim());
  if (!match) return NaN;
  return Date.parse(`${match[1].replace(" ", "T")}${match[3]}`) + Number(match[2] ?? 0) * 1000;
}

/** A secret: enough of it to recognise it. */
export function masked(secret) {
  if (!secret) return "no key";
  if (secret.length <= 8) return "•".repeat(8);
  const shown = secret.length >= 16 ? 4 : 2;
  return `${secret.slice(0, shown)}…${secret.slice(-shown)}`;
}
