/* The rows, in pages as they came. Of a page far from what is seen only its text is kept:
   the nodes of some thousand rows make a screen slow at everything. */
import { entryOf, root } from "./screen.js";

const NEAR = "6000px 0px";
const entries = new WeakMap(); // of each page, in the order of its rows
const texts = new WeakMap(); // of pages that are folded
const far = new Set(); // pages to be folded
const filled = [];

const watch = new IntersectionObserver(
  (changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) unfold(target);
      else far.add(target);
    }
    foldFar();
  },
  { rootMargin: NEAR },
);

/* Call `act(page)` whenever a page has its rows back. */
export function onFilled(act) {
  filled.push(act);
}

/* Watch the pages that have come, and keep their heights. */
function adopt(within) {
  for (const page of pages()) {
    if (!within.contains(page)) continue;
    page.style.height = `calc(${entriesOf(page).length} * var(--row))`;
    watch.observe(page);
  }
}

/* Return the entries of all rows that have come. */
export function allEntries() {
  return pages().flatMap(entriesOf);
}

/* Return the rows that are there, each with its entry. */
export function rowsThere(within = root) {
  return pages()
    .filter((page) => within.contains(page) && !texts.has(page))
    .flatMap((page) => entriesOf(page).map((entry, index) => ({ row: page.rows[index], entry })));
}

/* Return the row in a place among all; undefined where there is none. */
export function rowAt(place) {
  let left = place;
  for (const page of pages()) {
    const { length } = entriesOf(page);
    if (left >= 0 && left < length) {
      unfold(page);
      return page.rows[left];
    }
    left -= length;
  }
}

/* Return the place of a key's row, -1 where it has none. */
export function placeOf(key) {
  return allEntries().findIndex((entry) => entry.key === key);
}

/* Load as many rows as are shown, in their place. */
export function reload() {
  const wanted = new URL(document.getElementById("listing").dataset.here, location.href);
  wanted.searchParams.set("rows", allEntries().length);
  return window.htmx.ajax("GET", wanted.pathname + wanted.search, { target: "#listing", swap: "outerHTML" });
}

function pages() {
  return [...root.querySelectorAll(".files > tbody:not(.more)")];
}

function entriesOf(page) {
  if (!entries.has(page)) entries.set(page, [...page.rows].map(entryOf));
  return entries.get(page);
}

function foldFar() {
  for (const page of far) fold(page);
}

function fold(page) {
  if (page.isConnected && page.querySelector("tr[tabindex='0']")) return; // the one that Tab leads to
  far.delete(page);
  texts.set(page, page.innerHTML);
  page.replaceChildren();
}

function unfold(page) {
  far.delete(page);
  if (!texts.has(page)) return;
  page.innerHTML = texts.get(page);
  texts.delete(page);
  for (const act of filled) act(page);
}

root.addEventListener("focusin", foldFar);
document.addEventListener("htmx:load", (event) => {
  if (root.contains(event.detail.elt)) adopt(event.detail.elt);
});
adopt(root);
