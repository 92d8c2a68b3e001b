/* New folders, archives, tags and links. */
import { api, csrfToken, objectPath } from "../api.js";
import { toast } from "../toast.js";
import { ask, part } from "./dialogs.js";
import { reload } from "./rows.js";
import { bucket, needsKey, prefix } from "./screen.js";
import { what } from "./texts.js";
import { each } from "./work.js";

/* Return the new folder's key. */
export async function newFolder(name) {
  const key = `${prefix}${name.replace(/\/+$/, "")}/`;
  const headers = { "If-None-Match": "*", "Content-Type": "application/x-directory" };
  await api("PUT", objectPath(bucket, key), { body: "", headers });
  await reload();
  return key;
}

/* Download it all as one ZIP: a form, as a download needs no memory of the page; in a tab of its
   own, which closes by itself, as uploads hold on to this one. */
export function zip(entries) {
  const chosen = {
    keys: entries.filter((entry) => !entry.isFolder).map(({ key }) => key),
    prefixes: entries.filter((entry) => entry.isFolder).map(({ key }) => key),
  };
  const form = document.createElement("form");
  form.method = "post";
  form.target = "_blank";
  form.hidden = true;
  const inside = entries.length === 1 && entries[0].isFolder ? entries[0].key : prefix;
  form.action = `/ui/buckets/${bucket}/archive?${new URLSearchParams(inside ? { prefix: inside } : {})}`;
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: csrfToken(), chosen: JSON.stringify(chosen) })) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

export async function changeTags(entries) {
  const files = entries.filter((entry) => !entry.isFolder);
  if (!files.length) {
    toast(gettext("Tags are of files: select some."), "error");
    return;
  }
  document.querySelector("#tags form").reset();
  part("tags", "title").textContent = interpolate(gettext("Tags of %s"), [what(files)]);
  part("tags", "now").textContent = files.length === 1 ? await tagsOf(files[0]) : "";
  const answer = await ask("tags");
  if (!answer) return;
  const tags = {};
  for (const name of lines(answer.remove)) tags[name] = null;
  for (const line of lines(answer.add)) {
    const [name, ...value] = line.split("=");
    tags[name.trim()] = value.join("=").trim();
  }
  if (!Object.keys(tags).length) return;
  const failures = await each(files, ({ key }) => api("PATCH", objectPath(bucket, key), { json: { tags } }));
  const done = files.length - failures.length;
  if (done) toast(interpolate(ngettext("Tags of one file changed.", "Tags of %s files changed.", done), [done.toLocaleString()]));
  for (const { name, why } of failures.slice(0, 3)) toast(`${name}: ${why}`, "error");
}

/* Return a file's tags in words. */
async function tagsOf({ key }) {
  const { tags } = await api("GET", objectPath(bucket, key, { describe: 1 }));
  const said = Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  return said.length ? interpolate(gettext("Now: %s"), [said.join(", ")]) : gettext("It has none yet.");
}

/* Show how an entry is called elsewhere. */
export function showLinks(entry) {
  const archive = `/archive?${new URLSearchParams({ bucket, prefix: entry.key })}`;
  const url = location.origin + (entry.isFolder ? archive : objectPath(bucket, entry.key)).replaceAll("'", "%27");
  const file = entry.isFolder ? `${entry.name}.zip` : entry.name;
  const key = needsKey ? "-u KEY_ID:SECRET " : "";
  part("links", "title").textContent = entry.name;
  const texts = {
    url: entry.isFolder ? entry.href : url,
    path: `${bucket}/${entry.key}`,
    s3: `s3://${bucket}/${entry.key}`,
    curl: `curl -f ${key}-o '${`./${file}`.replaceAll("'", "'\\''")}' '${url}'`,
  };
  for (const [name, text] of Object.entries(texts)) document.getElementById(`link-${name}`).textContent = text;
  document.getElementById("links").showModal();
}

function lines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
