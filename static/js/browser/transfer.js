/* Moving, copying and renaming: files by their keys, folders by their prefixes. */
import { api, Refused } from "../api.js";
import { toast } from "../toast.js";
import { ask, part } from "./dialogs.js";
import { begin } from "./picker.js";
import { reload } from "./rows.js";
import { bucket } from "./screen.js";
import { clear } from "./selection.js";
import { what } from "./texts.js";
import { batch, TAKEN, wholeFolder } from "./work.js";

const WORDS = {
  move: { title: gettext("Move %s"), yes: gettext("Move here"), done: gettext("Moved: %s."), busy: gettext("Moving “%s”") },
  copy: { title: gettext("Copy %s"), yes: gettext("Copy here"), done: gettext("Copied: %s."), busy: gettext("Copying “%s”") },
};

/* Ask where to, and move or copy it there. */
export async function transfer(verb, entries) {
  part("transfer", "title").textContent = interpolate(WORDS[verb].title, [what(entries)]);
  part("transfer", "yes").textContent = WORDS[verb].yes;
  begin();
  const answer = await ask("transfer");
  if (!answer) return;
  const folder = answer.folder.replace(/\/+$/, "");
  await put(verb, entries, { bucket: answer.bucket, prefix: folder && `${folder}/` });
}

/* Move or copy entries into a folder, under their own names. */
export async function put(verb, entries, to) {
  try {
    await send(verb, entries, to, (entry) => to.prefix + entry.name);
    toast(interpolate(WORDS[verb].done, [what(entries)]));
  } finally {
    clear();
    await reload();
  }
}

/* Ask for a new name for a file or folder; return its new key, if it has one. */
export async function rename(entry) {
  const field = document.querySelector("#rename [name=name]");
  field.value = entry.name;
  const answer = ask("rename");
  const dot = entry.isFolder ? -1 : entry.name.lastIndexOf(".");
  field.setSelectionRange(0, dot > 0 ? dot : entry.name.length);
  const name = (await answer)?.name;
  if (!name || name === entry.name) return null;
  const parent = entry.key.slice(0, entry.key.length - entry.name.length - (entry.isFolder ? 1 : 0));
  try {
    if (entry.isFolder) await requireNoFolder(`${parent}${name}/`);
    await send("move", [entry], { bucket }, () => parent + name);
  } finally {
    clear();
    await reload();
  }
  toast(interpolate(gettext("It is called “%s” now."), [name]));
  return `${parent}${name}${entry.isFolder ? "/" : ""}`;
}

/* A folder that gets another's name would become one with it: keys say nothing of it. */
async function requireNoFolder(prefix) {
  const listed = await api("GET", `/objects?${new URLSearchParams({ bucket, prefix, limit: 1 })}`);
  if (listed.objects.length) throw new Refused({ code: TAKEN }, 412);
}

async function send(verb, entries, to, keyOf) {
  const files = entries.filter((entry) => !entry.isFolder);
  await batch(files, (file) => ({
    op: verb,
    from: { bucket, key: file.key },
    to: { bucket: to.bucket, key: keyOf(file) },
  }));
  for (const folder of entries.filter((entry) => entry.isFolder)) {
    const wanted = { from: { bucket, prefix: folder.key }, to: { bucket: to.bucket, prefix: `${keyOf(folder)}/` } };
    await wholeFolder(`/${verb}`, folder.name, wanted, interpolate(WORDS[verb].busy, [folder.name]));
  }
}
