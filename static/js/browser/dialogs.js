/* Questions in a <dialog>, of which the page has the text. */
import { pressed } from "../question.js";

const MOST_NAMED = 8;

/* Open a dialog; return its form's data and `choice`, the value of the button that was
   pressed, or null when it was closed without one. */
export async function ask(id) {
  const dialog = document.getElementById(id);
  const choice = await pressed(dialog);
  return choice ? { choice, ...Object.fromEntries(new FormData(dialog.querySelector("form"))) } : null;
}

export function part(id, name) {
  return document.querySelector(`#${id} [data-part=${name}]`);
}

/* Fill a list with lines of a name and, quieter, what is to be said of it; return the
   elements of the latter. */
export function fillNames(list, lines) {
  list.replaceChildren();
  const notes = lines.slice(0, MOST_NAMED).map(({ name, why = "" }) => {
    const item = document.createElement("li");
    const said = document.createElement("bdi");
    const note = document.createElement("span");
    said.textContent = name;
    note.className = "quiet";
    note.textContent = why;
    item.append(said, " ", note);
    list.append(item);
    return note;
  });
  if (lines.length > MOST_NAMED) {
    const rest = document.createElement("li");
    const left = lines.length - MOST_NAMED;
    rest.textContent = interpolate(ngettext("and one more", "and %s more", left), [left.toLocaleString()]);
    list.append(rest);
  }
  return notes;
}
