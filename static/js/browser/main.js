/* The browser's screen: rows, keys, menus and what they set going. */
import { toast } from "../toast.js";
import { ask } from "./dialogs.js";
import { enableDragging } from "./dragging.js";
import { onChoice, openMenu } from "./menu.js";
import { changeTags, newFolder, showLinks, zip } from "./others.js";
import { remove } from "./remove.js";
import { allEntries, placeOf, reload, rowAt } from "./rows.js";
import { entryOf, mayWrite, root } from "./screen.js";
import { all, clear, extend, focusRow, forgetHidden, only, prepare, selected, toggle } from "./selection.js";
import { why } from "./texts.js";
import { rename, transfer } from "./transfer.js";
import { Stopped } from "./work.js";

const ACTIONS = {
  zip,
  clear,
  copy: (entries) => transfer("copy", entries),
  links: ([entry]) => showLinks(entry),
  open: ([entry]) => location.assign(entry.href),
  download: (_, row) => row.querySelector(".do a").click(),
};
if (mayWrite) {
  Object.assign(ACTIONS, {
    delete: remove,
    move: (entries) => transfer("move", entries),
    rename: async ([entry]) => focusKey(await rename(entry)),
    newFolder: makeFolder,
    tags: changeTags,
  });
}
let current = null; // the row that had the focus last
const KEYS = { Delete: "delete", F2: "rename" };

async function run(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Stopped)) toast(why(error), "error");
  }
}

/* A row's own entry, or all that are selected when it is one of them. */
function withSelection(row) {
  const entries = selected();
  const own = entryOf(row);
  return entries.some(({ key }) => key === own.key) ? entries : [own];
}

root.addEventListener("click", (event) => {
  const row = event.target.closest("tr[aria-selected]");
  if (event.target.id === "pick-all") all(event.target.checked);
  else if (event.target.closest("[data-do]")) {
    const { do: what } = event.target.closest("[data-do]").dataset;
    run(() => ACTIONS[what](selected()));
  } else if (!row || event.target.closest("a")) return;
  else if (event.target.closest(".do")) event.target.closest("button") && openMenu(row);
  else {
    if (event.shiftKey) extend(row);
    else if (event.ctrlKey || event.metaKey || event.target.closest(".pick")) toggle(row);
    else only(row);
    focusRow(row);
  }
});
root.addEventListener("mousedown", (event) => {
  if (event.shiftKey && event.target.closest("tr[aria-selected]")) event.preventDefault(); // selects no text
});
root.addEventListener("focusin", (event) => {
  const row = event.target.closest("tr[aria-selected]");
  if (!row) return;
  const { key } = entryOf(row);
  current = { key, place: placeOf(key) };
});
root.addEventListener("dblclick", (event) => {
  const row = event.target.closest("tr[aria-selected]");
  if (row && !event.target.closest("a, button, .pick")) location.assign(entryOf(row).href);
});
root.addEventListener("pointerover", (event) => {
  const link = event.target.closest(".name a");
  if (link && link.scrollWidth > link.clientWidth) link.title = link.textContent;
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.target.closest("input, textarea, select, dialog, [popover]")) return;
  const row = event.target.closest("tr[aria-selected]");
  const act = event.target === row ? keyboard(row, event) : anywhere(event);
  if (!act) return;
  event.preventDefault();
  act();
});

/* Keys that are about what is selected, wherever the focus is. */
function anywhere({ key }) {
  if (!selected().length) return null;
  if (key === "Escape") return clear;
  return key === "Delete" && ACTIONS.delete && (() => run(() => ACTIONS.delete(selected())));
}

function keyboard(row, event) {
  const here = () => placeOf(entryOf(row).key);
  const to = { ArrowDown: () => here() + 1, ArrowUp: () => here() - 1, Home: () => 0, End: () => allEntries().length - 1 }[event.key];
  if (to) return () => step(row, rowAt(to()), event.shiftKey);
  if (event.key === " ") return () => (event.shiftKey ? extend(row) : toggle(row));
  if (event.key === "Enter") return () => location.assign(entryOf(row).href);
  if (event.key === "a" && (event.ctrlKey || event.metaKey)) return () => all(true);
  if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) return () => openMenu(row);
  const action = ACTIONS[KEYS[event.key]];
  if (!action) return anywhere(event);
  const entries = event.key === "F2" ? [entryOf(row)] : withSelection(row);
  return () => run(() => action(entries));
}

function step(from, to, extending) {
  if (!to) return;
  if (extending) {
    if (from.ariaSelected !== "true") only(from);
    extend(to);
  }
  focusRow(to);
}

onChoice((what, row) => run(() => ACTIONS[what]([entryOf(row)], row)));
if (mayWrite) enableDragging(withSelection, run);

async function makeFolder() {
  document.querySelector("#new-folder form").reset();
  const answer = await ask("new-folder");
  if (answer) focusKey(await newFolder(answer.name.trim()));
}

function focusKey(key) {
  const row = rowAt(placeOf(key));
  if (row) focusRow(row);
}

/* The focus goes back to the row that had it, or to the one in its place. */
function refocus() {
  if (!current || document.activeElement !== document.body) return;
  const same = placeOf(current.key);
  const row = rowAt(same < 0 ? Math.min(current.place, allEntries().length - 1) : same);
  if (row) focusRow(row, { preventScroll: true });
}

document.addEventListener("store:changed", () => reload().catch(() => {})); // htmx has told of it
document.addEventListener("htmx:load", (event) => {
  const loaded = event.detail.elt;
  if (!root.contains(loaded)) return;
  if (loaded.id === "listing") forgetHidden();
  prepare(loaded);
  if (loaded.id === "listing") refocus();
});
prepare(root);
