// Failures, remarks and corrections of the bundle; and what the bundle says of itself.

import { ask, change, count, made, query, state, tell } from "./browse_state.js";

const MANY = 200;
const EMPTY = { failures: "Every frame that was wanted gave a sample.", remarks: "There are no remarks.",
  corrections: "Nothing was corrected by hand." };
const WHAT = { failures: "What gave no sample, and why.", remarks: "What gave samples, and is worth a look all the same.",
  corrections: "What overrides.csv did." };
let waiting = null;

export async function showList(place, name, total) {
  waiting?.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  const table = made("tbody");
  let shown = 0;
  const more = made("button", { type: "button", on: { click: () => load() } });
  async function load() {
    let said;
    try {
      said = await ask(`/api/list/${name}?${query({ start: shown, count: MANY })}`, signal);
    } catch (error) {
      if (error.name !== "AbortError") tell(error.message);
      return;
    }
    if (!shown) begin(said);
    shown += said.rows.length;
    table.append(...said.rows.map((row) => made("tr", {}, ...row.map((text, at) => cell(said.columns[at], text, row, said.columns)))));
    more.hidden = shown >= said.total;
    more.textContent = `Show ${count(Math.min(MANY, said.total - shown))} more of ${count(said.total)}`;
  }
  function begin(said) {
    const of = said.total === total ? count(total) : `${count(said.total)} of ${count(total)}`;
    place.replaceChildren(made("h2", { textContent: `${name[0].toUpperCase()}${name.slice(1)}: ${of}` }),
      made("p", { className: "note", textContent: total ? `${WHAT[name]} The filters at the left apply, as far as a row has what they ask for; those of quality do not.` : EMPTY[name] }));
    if (!said.total) return;
    place.append(made("table", { className: "reasons" }, made("tbody", {}, ...said.reasons.map(([text, times]) => made("tr", {},
      made("td", { className: "n", textContent: count(times) }), made("td", { textContent: text }))))),
    made("div", { className: "wide" }, made("table", {}, made("thead", {}, made("tr", {},
      ...said.columns.map((column) => made("th", { textContent: column })))), table)), more);
  }
  await load();
}

// A video's name leads to its samples.
function cell(column, text, row, columns) {
  if (column === "frame" && text === "-1") return made("td", { textContent: "the video" });
  if (column !== "video" || !text) return made("td", { className: `is-${column}`, textContent: text });
  const choices = { dataset: new Set([row[columns.indexOf("dataset")]]), video: new Set([text]) };
  return made("td", { className: "path" }, made("button", { type: "button", className: "link", textContent: text,
    title: "Show the samples of this video",
    on: { click: () => change({ choices, ranges: {}, text: "", tab: "samples", at: 0 }, ["tab", "filters"], true) } }));
}

const KEYS = [["1 2 3 4 5", "crop, depth, parsing, side by side, overlay"], ["[ ]", "parsing weaker, stronger (overlay)"],
  ["{ }", "depth weaker, stronger (overlay)"],
  ["+ −", "larger, smaller"], ["/", "find a video by words in its path"], ["f", "filters shown or not"],
  ["← →", "of one sample: previous, next of those that are filtered"], ["↑ ↓", "of one sample: previous, next frame of its video"],
  ["o l", "outline, landmarks on the frame"], ["Esc", "back to all"]];

export function showAbout(place, bundle) {
  const rows = (pairs) => made("table", {}, made("tbody", {}, ...pairs.map(([name, text]) => made("tr", {},
    made("th", { textContent: name }), made("td", { textContent: text })))));
  place.replaceChildren(made("h2", { textContent: "This bundle" }),
    rows([["folder", bundle.name], ["hash", bundle.hash], ["samples", count(bundle.samples)],
      ["depth of spoofs", bundle.spoof_depth]]),
    ...bundle.troubles.length ? [made("h2", { textContent: "What cannot be read" }),
      ...bundle.troubles.map((line) => made("p", { className: "why", textContent: line }))] : [],
    made("h2", { textContent: "Keys" }), rows(KEYS),
    made("h2", { textContent: "Terms of use" }), made("pre", { textContent: bundle.notice }),
    made("h2", { textContent: "Settings and makers" }),
    ...Object.entries(bundle.settings).map(([dataset, pairs]) => made("details", {},
      made("summary", { textContent: dataset }), rows(pairs))));
}
