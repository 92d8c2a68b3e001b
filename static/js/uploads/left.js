/* The word about uploads that were not finished when the page was left. */
import { api } from "../api.js";
import { left, storage } from "./unfinished.js";
import { size as sizeText } from "../browser/texts.js";

const MOST_NAMED = 3;

export async function showLeft({ bucket }) {
  const large = (await storage.findAllUploads()).filter(({ metadata }) => metadata.bucket === bucket);
  const count = Math.max(left.of(bucket), large.length);
  if (!count) return;
  const notice = document.getElementById("upload-left");
  const part = (name) => notice.querySelector(`[data-part=${name}]`);
  part("text").textContent = interpolate(
    ngettext(
      "%s file of this bucket was not uploaded to the end. Choose it again: a large file goes on where it was, and what is there already you may skip.",
      "%s files of this bucket were not uploaded to the end. Choose the same files or folders again: large files go on where they were, and what is there already you may skip.",
      count,
    ),
    [count.toLocaleString()],
  );
  for (const { metadata, size } of large.slice(0, MOST_NAMED)) {
    const line = document.createElement("li");
    line.textContent = `${metadata.key} (${sizeText(size)})`;
    part("names").append(line);
  }
  part("forget").addEventListener("click", () => {
    notice.hidden = true;
    left.note(bucket, 0);
    for (const { uploadUrl, urlStorageKey } of large) {
      storage.removeUpload(urlStorageKey);
      api("DELETE", uploadUrl, { headers: { "Tus-Resumable": "1.0.0" } }).catch(() => {}); // else it expires
    }
  });
  notice.hidden = false;
}
