/* Deleting, and taking that back. */
import { api, objectPath } from "../api.js";
import { toast } from "../toast.js";
import { ask, fillNames, part } from "./dialogs.js";
import { finished } from "./jobs.js";
import { reload } from "./rows.js";
import { bucket, versioned } from "./screen.js";
import { clear } from "./selection.js";
import { count, size, what } from "./texts.js";
import { batch, each, wholeFolder } from "./work.js";

export async function remove(entries) {
  if (!(await confirmed(entries))) return;
  const folders = entries.filter((entry) => entry.isFolder);
  const markers = [];
  const moments = [];
  try {
    const files = entries.filter((entry) => !entry.isFolder);
    const done = await batch(files, ({ key }) => ({ op: "delete", bucket, key }));
    markers.push(...done.map(({ file, version_id }) => ({ key: file.key, name: file.name, version: version_id })));
    for (const folder of folders) {
      const { moment } = await extent(folder.key);
      moments.push({ name: folder.name, prefix: folder.key, at: moment });
      const title = interpolate(gettext("Deleting “%s”"), [folder.name]);
      await wholeFolder("/delete", folder.name, { bucket, prefix: folder.key }, title);
    }
  } finally {
    clear();
    await reload();
    tell(entries, markers, moments);
  }
}

function tell(entries, markers, moments) {
  if (!markers.length && !moments.length) return;
  const undo = { label: gettext("Undo"), run: () => restore(markers, moments) };
  toast(interpolate(gettext("Deleted: %s."), [what(entries)]), "success", versioned ? undo : null);
}

async function restore(markers, moments) {
  const failures = await each(markers, ({ key, version }) => api("DELETE", objectPath(bucket, key, { version })));
  for (const { name, prefix, at } of moments) {
    try {
      const answer = await api("POST", `/buckets/${bucket}/restore`, { json: { prefix, at } });
      await finished(answer, interpolate(gettext("Bringing back “%s”"), [name]));
    } catch (error) {
      failures.push({ name, why: error.message });
    }
  }
  await reload();
  if (failures.length) toast(failures.map(({ name, why }) => `${name}: ${why}`).join("\n"), "error");
  else toast(gettext("It is all back."));
}

async function confirmed(entries) {
  part("delete", "title").textContent = interpolate(gettext("Delete %s?"), [what(entries)]);
  const lines = entries.map((entry) => ({
    name: entry.isFolder ? `${entry.name}/` : entry.name,
    why: entry.isFolder ? gettext("counting…") : size(entry.size),
  }));
  const notes = fillNames(part("delete", "names"), lines);
  const answer = ask("delete");
  notes.forEach(async (note, index) => {
    if (!entries[index].isFolder) return;
    try {
      const { keys } = await extent(entries[index].key);
      note.textContent = interpolate(ngettext("one key", "%s keys", keys), [count(keys)]);
    } catch {
      note.textContent = gettext("all that is in it");
    }
  });
  return answer;
}

/* How many keys a folder has, and a moment before what comes next. */
function extent(prefix) {
  return api("GET", `/ui/buckets/${bucket}/extent?${new URLSearchParams({ prefix })}`);
}
