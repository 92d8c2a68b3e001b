/* A small file in one request. */
import { Refused, csrfToken, objectPath } from "../api.js";
import { Unreachable, refusal } from "./remedy.js";

/* Store an item; `moved` is told how many bytes are on their way. Throws Refused, and the signal's reason. */
export function put(item, signal, moved) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", objectPath(item.bucket, item.key));
    xhr.setRequestHeader("X-CSRFToken", csrfToken());
    if (item.guarded) xhr.setRequestHeader("If-None-Match", "*");
    xhr.upload.onprogress = (event) => moved(event.loaded);
    xhr.onload = () => (xhr.status < 300 ? resolve() : reject(refusal(xhr)));
    xhr.onerror = () => reject(new Unreachable());
    xhr.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(item.file);
  });
}

/* Whether an item is what the store has under its key: an answer may be lost, but not what it was about.
   It is read from here: the page's policy lets it come from nowhere else. */
export async function isStored(item, signal) {
  const path = objectPath(item.bucket, item.key, { redirect: "0" });
  const answer = await fetch(path, { signal }).catch(() => {
    throw new Unreachable();
  });
  if (!answer.ok) throw new Refused({}, answer.status);
  if (Number(answer.headers.get("Content-Length")) !== item.size) return false;
  const [there, here] = await Promise.all([answer.arrayBuffer(), item.file.arrayBuffer()]);
  const [left, right] = [new Uint8Array(there), new Uint8Array(here)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
