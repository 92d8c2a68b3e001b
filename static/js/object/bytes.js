/* The first bytes of an object, as text. */
export const MOST_BYTES = 256 * 1024;

/* There is nothing to show of this; the page says so. */
export class Unshowable extends Error {}

/* Return the text and whether it is all; throws Unshowable for what is no text. */
export async function readText(stage) {
  const size = Number(stage.dataset.size);
  const bytes = await firstBytes(stage.dataset.source, Math.min(size, MOST_BYTES));
  return { text: decode(bytes), whole: size <= MOST_BYTES };
}

/* Say below a preview that it is the beginning. */
export function noteCut(stage, text) {
  const note = document.createElement("p");
  note.className = "cut quiet small";
  note.textContent = text;
  stage.after(note);
}

async function firstBytes(source, count) {
  const answer = await fetch(source, { headers: { Range: `bytes=0-${count - 1}` } });
  if (!answer.ok) throw new Unshowable(`${answer.status}`);
  const chunks = [];
  let room = count;
  const reader = answer.body.getReader();
  try {
    for (let part = await reader.read(); !part.done && room > 0; part = await reader.read()) {
      chunks.push(part.value.subarray(0, room));
      room -= part.value.length;
    }
  } catch (error) {
    if (chunks.length === 0) throw new Unshowable(error); // compressed, and cut within
  }
  reader.cancel().catch(() => {});
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function decode(bytes) {
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const encoding = marks[bytes.subarray(0, 2).join()] ?? "utf-8";
  const decoder = new TextDecoder(encoding, { fatal: true });
  let text;
  try {
    text = decoder.decode(bytes, { stream: true }); // a character may be cut at the end
  } catch {
    text = new TextDecoder("windows-1252").decode(bytes);
    if (/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) throw new Unshowable("no text");
  }
  if (text.includes("\0")) throw new Unshowable("no text");
  return text;
}
