/* Uploads: from the pickers and drops of the page into the folder that it shows. */
import { toast } from "../toast.js";
import { ask } from "./ask.js";
import { decide, late } from "./conflicts.js";
import { dropped, hasFiles, picked } from "./entries.js";
import { showLeft } from "./left.js";
import { Panel } from "./panel.js";
import { DONE, FAILED, Item, PAUSED, Queue } from "./queue.js";
import { left } from "./unfinished.js";
import { filesText } from "./words.js";

const DRAW_MILLISECONDS = 250;
const TELL_MILLISECONDS = 3000;
const PAUSE_MILLISECONDS = 30;
const MOST_NAMED = 5;

const queue = new Queue(late);
const panel = new Panel(document.getElementById("upload-panel"), queue, act);
const dialog = document.getElementById("upload-conflict");
const curtain = document.getElementById("upload-drop");
let told = { stored: 0, at: 0 };

/* Where what is chosen now goes to. */
function place() {
  const { bucket, prefix } = document.getElementById("uploads").dataset;
  return { bucket, prefix: decodeURIComponent(prefix) };
}

async function add(files, to) {
  if (!files.length) return;
  document.getElementById("upload-left").hidden = true;
  panel.prepare(gettext("Looking at what is there…"));
  files.sort((one, other) => (one.path < other.path ? -1 : 1));
  const items = await itemsOf(files, to);
  if (await settle(items)) queue.add(items);
  if (!queue.items.length) panel.close();
  draw();
}

/* Make the items without the page standing still: to ask for a file's size takes a third of a millisecond. */
async function itemsOf(files, to) {
  const items = [];
  let since = performance.now();
  for (const { file, path } of files) {
    items.push(new Item(to, path, file));
    if (performance.now() - since < PAUSE_MILLISECONDS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  }
  return items;
}

/* Ask what to do about files that are there already; null where nothing shall be done. */
async function settle(items) {
  try {
    return await decide(items, (item, entry, count) => ask(dialog, item, entry, count));
  } catch (error) {
    const text = error.status === 401 ? gettext("You are no longer signed in. Sign in again in another tab, then choose the files again.") : error.message;
    toast(text, "error");
    return null;
  }
}

function act(what, item) {
  if (what === "retry") retry(item ? [item] : queue.items.filter(({ state }) => state === FAILED));
  else if (item) queue[what](item);
  else if (what === "wake") queue.release();
  else if (what === "close") queue.clear();
  else queue[`${what}All`]();
  if (!queue.items.length) panel.close();
  draw();
}

/* What met a file of its name is asked about again; the others just begin anew. */
async function retry(items) {
  const met = items.filter(({ error }) => error.status === 412);
  for (const item of items) if (!met.includes(item)) queue.start(item);
  if (!met.length) return;
  for (const item of met) item.end(PAUSED);
  for (const item of (await settle(met)) ?? []) queue.start(item);
}

function draw() {
  panel.draw();
  const stored = queue.items.filter(({ state }) => state === DONE).length;
  // Signed out, a page that asks for anything is sent to the login, away from its uploads.
  const due = !queue.signedOut && (queue.unfinished === 0 || Date.now() - told.at > TELL_MILLISECONDS);
  if (stored > told.stored && due) document.dispatchEvent(new CustomEvent("store:changed"));
  if (stored < told.stored || due) told = { stored, at: Date.now() };
}

document.addEventListener("click", (event) => {
  const what = event.target.closest("[data-pick]")?.dataset.pick;
  if (what) document.getElementById(`upload-${what}`).click();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("#upload-files, #upload-folder")) return;
  const files = picked(event.target);
  event.target.value = ""; // so that the same can be picked again
  add(files, place());
});

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event.dataTransfer) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  curtain.hidden = false;
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) curtain.hidden = true;
});

document.addEventListener("drop", async (event) => {
  if (curtain.hidden) return;
  event.preventDefault();
  curtain.hidden = true;
  const to = place();
  const { files, unreadable } = await dropped(event.dataTransfer, (count) =>
    panel.prepare(interpolate(gettext("Reading folders: %s so far"), [filesText(count)])),
  );
  if (unreadable.length) toast(interpolate(gettext("These cannot be read: %s"), [unreadable.slice(0, MOST_NAMED).join(", ")]), "error");
  if (!files.length) draw();
  await add(files, to);
});

/* Who is signed out is sent to the login by whatever the page asks for: not away from uploads. */
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!queue.unfinished || !event.detail.xhr.getResponseHeader("HX-Redirect")) return;
  event.preventDefault();
  queue.signedOut = true;
  draw();
});

window.addEventListener("beforeunload", (event) => {
  if (queue.unfinished) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  if (queue.items.length) left.note(place().bucket, queue.unfinished);
});
window.addEventListener("focus", () => {
  if (queue.signedOut) queue.release(); // perhaps signed in again, in another tab
});

setInterval(() => {
  if (queue.items.length) draw();
}, DRAW_MILLISECONDS);
showLeft(place());
