/* Files whose keys are taken: found before anything is sent, asked about once, and kept to. */
import { api } from "../api.js";
import { isStored } from "./put.js";
import { DONE, SKIPPED } from "./queue.js";
import { AGAIN, delay, remedy } from "./remedy.js";

export const REPLACE = "replace";
export const KEEP = "keep";
export const SKIP = "skip";

const MOST_TRIES = 6; // within about a minute
const LAST = "\u{10ffff}";

/* Return what the listing says of those items' keys that are taken, by key.

   It walks the listing and the keys side by side, both in the store's order: one request
   passes over a thousand keys, or over whatever lies between two of ours. */
export async function taken(items, signal) {
  const { bucket, prefix } = items[0];
  const left = items.map(({ key }) => ({ key, order: inOrder(key) })).sort((a, b) => (a.order < b.order ? -1 : 1));
  const wanted = new Set(left.map(({ key }) => key));
  const found = new Map();
  let passed = "";
  for (let next = 0; next < left.length; ) {
    const before = justBefore(left[next].key);
    const query = new URLSearchParams({
      bucket,
      prefix,
      start_after: inOrder(before) < inOrder(passed) ? passed : before,
      limit: Math.min(2 * (left.length - next), 1000),
    });
    const page = await listed(query, signal);
    for (const entry of page.objects) if (wanted.has(entry.key)) found.set(entry.key, entry);
    if (!page.next_cursor) break;
    passed = page.objects.at(-1).key;
    const reached = inOrder(passed);
    while (next < left.length && left[next].order <= reached) next += 1;
  }
  return found;
}

/* Return a page of the listing, also of a store that is away for a moment. */
async function listed(query, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await api("GET", `/objects?${query}`, { signal });
    } catch (error) {
      if (tries === MOST_TRIES || remedy(error, tries) !== AGAIN) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay(error, tries) * 1000));
    }
  }
}

/* Ask what shall be done with items whose keys are taken, and hold them to it. Return those to
   upload, null where all of it was called off. `ask(item, entry, more)` returns { choice, all }. */
export async function decide(items, ask) {
  const found = items.length ? await taken(items) : new Map();
  const conflicts = items.filter((item) => found.has(item.key));
  let answer = null;
  for (const [index, item] of conflicts.entries()) {
    if (!answer?.all) answer = await ask(item, found.get(item.key), conflicts.length - index);
    if (!answer) return null;
    item.choice = answer.choice;
    item.guarded = answer.choice !== REPLACE;
  }
  if (answer?.all) {
    for (const item of items) item.choice ??= answer.choice; // also should one appear meanwhile
  }
  const kept = conflicts.filter((item) => item.choice === KEEP);
  if (kept.length) await rename(kept);
  for (const item of conflicts) if (item.choice === SKIP) item.end(SKIPPED);
  return items.filter((item) => item.unfinished);
}

/* Decide about an item whose key was taken since, as was said for the others: true to go on. */
export async function late(item, signal) {
  if (item.doubtful && item.isSmall && (await isStored(item, signal))) {
    item.end(DONE);
  } else if (item.choice === SKIP) {
    item.end(SKIPPED);
  } else if (item.choice === REPLACE) {
    item.guarded = false;
  } else if (item.choice === KEEP) {
    await rename([item], signal);
  } else {
    return false;
  }
  return true;
}

/* Give each item the first free name: a (2).txt, a (3).txt, ... */
async function rename(items, signal) {
  const chosen = new Set();
  let left = items.map((item) => ({ item, number: 2, name: item.key }));
  while (left.length) {
    for (const one of left) {
      while (chosen.has(numbered(one.name, one.number))) one.number += 1;
      one.item.key = numbered(one.name, one.number);
      chosen.add(one.item.key);
    }
    const found = await taken(left.map(({ item }) => item), signal);
    left = left.filter(({ item }) => found.has(item.key));
    for (const one of left) one.number += 1;
  }
  for (const item of items) item.doubtful = false;
}

function numbered(key, number) {
  const slash = key.lastIndexOf("/") + 1;
  const dot = key.lastIndexOf(".");
  const end = dot > slash ? dot : key.length;
  return `${key.slice(0, end)} (${number})${key.slice(end)}`;
}

/* Return a text that comes before the key, and after nearly all that comes before the key. */
function justBefore(key) {
  const characters = [...key];
  const last = characters.pop().codePointAt(0);
  const before = last === 0xe000 ? 0xd7ff : last - 1;
  return characters.join("") + (before ? String.fromCodePoint(before) + LAST : "");
}

/* Return a key so that `<` has the store's order, that of code points: what JavaScript
   writes as two halves comes after all else. */
function inOrder(key) {
  return key.replace(/[\ud800-\uffff]/g, (half) => String.fromCharCode(half.charCodeAt(0) + (half < "\ue000" ? 0x2000 : -0x800)));
}
