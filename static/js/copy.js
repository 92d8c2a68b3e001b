/* <button data-copy="text"> or <button data-copy="#id"> puts a text on the clipboard. */
import { toast } from "./toast.js";

export async function copyText(button) {
  const wanted = button.dataset.copy;
  const element = wanted.startsWith("#") && document.querySelector(wanted);
  const text = element ? (element.value ?? element.textContent).trim() : wanted;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    fromSelection(text); // without https there is no clipboard to write to
  }
  toast(gettext("Copied."));
}

function fromSelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
