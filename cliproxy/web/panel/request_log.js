// Reading a request log (logging.md 10, 11): its sections, and when things happened.

import { instant } from "./format.js";

const HEADING =
  /^=== (REQUEST INFO|HEADERS|REQUEST BODY|API REQUEST(?: \d+)?|API RESPONSE(?: \d+)?|API ERROR RESPONSE|RESPONSE) ===$/;

/** [{title, text}] in the order of the file. */
export function sectionsOf(text) {
  const sections = [];
  for (const line of text.split("\n")) {
    const heading = HEADING.exec(line);
    if (heading) sections.push({ title: heading[1], lines: [] });
    else if (sections.length) sections.at(-1).lines.push(line);
  }
  return sections.map(({ title, lines }) => ({ title, text: lines.join("\n").trim() }));
}

/** A line `name: value` of a section, or "". */
export function valueIn(section, name) {
  const line = section?.text.split("\n").find((one) => one.startsWith(`${name}: `));
  return line ? line.slice(name.length + 2).trim() : "";
}

/** {head, body}: what stands before the body, and the body. Sections with one mark it, or are nothing else. */
export function partsOf({ title, text }) {
  if (title === "REQUEST BODY") return { head: "", body: text };
  if (title === "RESPONSE") return split(text, /\n\n/);
  return title.startsWith("API RE") ? split(text, /^Body:\n/m) : { head: text, body: "" };
}

function split(text, border) {
  const match = border.exec(text);
  return match
    ? { head: text.slice(0, match.index).trim(), body: text.slice(match.index + match[0].length).trim() }
    : { head: text, body: "" };
}

/**
 * What happened when: {began, steps: [{name, from, to, tone}]}; from and to in milliseconds since the request came in.
 * Null when the file does not say.
 */
export function timeline(sections) {
  const info = sections.find(({ title }) => title === "REQUEST INFO");
  const began = instant(valueIn(info, "Timestamp"));
  if (Number.isNaN(began)) return null;
  const since = (section, name = "Timestamp") => instant(valueIn(section, name)) - began;
  const steps = [];
  for (const section of sections) {
    const number = /^API REQUEST(?: (\d+))?$/.exec(section.title);
    if (!number) continue;
    const answer = sections.find(({ title }) => title === section.title.replace("REQUEST", "RESPONSE"));
    const failed = answer && (!/^Status: 2/m.test(answer.text) || /^Error: /m.test(answer.text));
    steps.push({
      name: number[1] ? `Upstream, call ${number[1]}` : "Upstream",
      from: since(section),
      to: answer ? since(answer) : null,
      tone: failed ? "bad" : "one",
    });
  }
  const first = since(info, "First Chunk");
  if (!Number.isNaN(first)) steps.push({ name: "First byte to the client", from: 0, to: first, tone: "two" });
  return { began, steps: steps.filter(({ from }) => !Number.isNaN(from)) };
}

/** JSON with indentation; anything else as it is. Events of a stream one by one. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
