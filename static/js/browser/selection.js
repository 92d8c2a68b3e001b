/* Which rows are selected, by mouse, finger and keyboard, and the bar that says so. */
import { allEntries, onFilled, rowsThere } from "./rows.js";
import { entryOf, root } from "./screen.js";
import { size, what } from "./texts.js";

const chosen = new Map();
const bar = document.getElementById("selection");
let anchor = null; // the key that was selected last

export function selected() {
  return [...chosen.values()];
}

export function clear() {
  choose([]);
}

export function all(on) {
  choose(on ? allEntries() : []);
}

/* Select one more, or one less. */
export function toggle(row) {
  const entry = entryOf(row);
  if (!chosen.delete(entry.key)) chosen.set(entry.key, entry);
  anchor = entry.key;
  show();
}

export function only(row) {
  const entry = entryOf(row);
  anchor = entry.key;
  choose([entry]);
}

/* Select what is between the row that was selected last and this one, and no other. */
export function extend(row) {
  const { key } = entryOf(row);
  anchor ??= key;
  const shown = allEntries();
  const places = [anchor, key].map((wanted) => Math.max(0, shown.findIndex((entry) => entry.key === wanted)));
  choose(shown.slice(Math.min(...places), Math.max(...places) + 1));
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
  for (const { row } of rowsThere(within)) {
    for (const link of row.querySelectorAll("a")) link.tabIndex = -1;
  }
  if (!root.querySelector("tr[tabindex='0']")) {
    const first = root.querySelector("tr[aria-selected]");
    if (first) first.tabIndex = 0;
  }
  show();
}

/* After the listing was loaded anew: forget what is not shown any more. */
export function forgetHidden() {
  const there = new Set(allEntries().map(({ key }) => key));
  for (const key of chosen.keys()) if (!there.has(key)) chosen.delete(key);
  anchor = null;
}

function choose(entries) {
  chosen.clear();
  for (const entry of entries) chosen.set(entry.key, entry);
  show();
}

function mark(within) {
  for (const { row, entry } of rowsThere(within)) {
    const on = chosen.has(entry.key);
    const box = row.querySelector(".pick input");
    if (row.ariaSelected !== String(on)) row.ariaSelected = String(on);
    if (box.checked !== on) box.checked = on;
  }
}

function show() {
  mark(root);
  const entries = selected();
  bar.hidden = entries.length === 0;
  const everything = document.getElementById("pick-all");
  if (everything) {
    everything.checked = entries.length > 0 && entries.length === allEntries().length;
    everything.indeterminate = entries.length > 0 && !everything.checked;
  }
  if (!entries.length) return;
  const files = entries.filter((entry) => !entry.isFolder);
  const bytes = files.reduce((sum, entry) => sum + entry.size, 0);
  const said = files.length ? `${what(entries)}, ${size(bytes)}` : what(entries);
  bar.querySelector("[role=status]").textContent = said;
}

onFilled(mark);
