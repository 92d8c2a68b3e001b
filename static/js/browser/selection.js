/* Which rows are selected, by mouse, finger and keyboard, and the bar that says so. */
import { entryOf, root, rows } from "./screen.js";
import { size, what } from "./texts.js";

const chosen = new Map();
const bar = document.getElementById("selection");
let anchor = null;

export function selected() {
  return [...chosen.values()];
}

export function clear() {
  for (const row of rows()) mark(row, false);
  chosen.clear();
  show();
}

export function all(on) {
  for (const row of rows()) mark(row, on);
  show();
}

/* Select one more, or one less. */
export function toggle(row) {
  mark(row, !chosen.has(entryOf(row).key));
  anchor = row;
  show();
}

export function only(row) {
  for (const other of rows()) if (other !== row && other.ariaSelected === "true") mark(other, false);
  mark(row, true);
  anchor = row;
  show();
}

/* Select what is between the row that was selected last and this one, and no other. */
export function extend(row) {
  const shown = rows();
  const from = Math.max(shown.indexOf(anchor ?? row), 0);
  const to = shown.indexOf(row);
  const [first, last] = from < to ? [from, to] : [to, from];
  shown.forEach((each, index) => {
    const within = index >= first && index <= last;
    if (within || each.ariaSelected === "true") mark(each, within);
  });
  anchor ??= row;
  show();
}

/* Make a row the one that keys are about. */
export function focusRow(row, options) {
  for (const other of root.querySelectorAll("tr[tabindex='0']")) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus(options);
}

/* Rows that have come: links leave the order of Tab to the rows, and what was selected is
   again. */
export function prepare(within) {
  for (const link of within.querySelectorAll("tr[aria-selected] a")) link.tabIndex = -1;
  for (const row of within.querySelectorAll("tr[aria-selected]")) {
    if (chosen.has(entryOf(row).key)) mark(row, true);
  }
  if (!root.querySelector("tr[tabindex='0']")) {
    const [first] = rows();
    if (first) first.tabIndex = 0;
  }
  show();
}

/* After the listing was loaded anew: forget what is not shown any more. */
export function forgetHidden() {
  const there = new Set(rows().map((row) => entryOf(row).key));
  for (const key of chosen.keys()) if (!there.has(key)) chosen.delete(key);
  anchor = null;
}

function mark(row, on) {
  const entry = entryOf(row);
  if (on) chosen.set(entry.key, entry);
  else chosen.delete(entry.key);
  row.ariaSelected = String(on);
  row.querySelector(".pick input").checked = on;
}

function show() {
  const entries = selected();
  bar.hidden = entries.length === 0;
  const everything = document.getElementById("pick-all");
  if (everything) {
    everything.checked = entries.length > 0 && entries.length === rows().length;
    everything.indeterminate = entries.length > 0 && !everything.checked;
  }
  if (!entries.length) return;
  const files = entries.filter((entry) => !entry.isFolder);
  const bytes = files.reduce((sum, entry) => sum + entry.size, 0);
  const said = files.length ? `${what(entries)}, ${size(bytes)}` : what(entries);
  bar.querySelector("[role=status]").textContent = said;
}
