// Lines of the application log (logging.md 4): `[time] [request id] [level] [file:line] message`.

const LINE = /^\[(\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d))\] \[([^\]]*)\] \[(\w+) *\] (.*)$/;
const NO_REQUEST = "--------";

/** {text, level, time, id, message}; `level` is empty for the further lines of an entry, `id` outside requests. */
export function parseLine(text) {
  const match = LINE.exec(text);
  if (!match) return { text, level: "", time: "", id: "", message: text };
  const [, , time, id, level, message] = match;
  return {
    text,
    level: level.toLowerCase().replace("warning", "warn"),
    time,
    id: id === NO_REQUEST ? "" : id,
    message,
  };
}

/**
 * The lines of `fresh` that `known` does not have. The log is asked for from one second before its newest line on, because
 * more lines may have come within that second; so the end of what is known is the beginning of what comes.
 */
export function unseen(known, fresh) {
  for (let shared = Math.min(known.length, fresh.length); shared > 0; shared -= 1) {
    if (fresh.slice(0, shared).every((line, index) => line === known[known.length - shared + index]))
      return fresh.slice(shared);
  }
  return fresh;
}
