/* Questions in a <dialog>, of which the page has the text. */
const MOST_NAMED = 8;

/* Open a dialog; return its form's data and `choice`, the value of the button that was
   pressed, or null when it was closed without one. */
export function ask(id) {
  const dialog = document.getElementById(id);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const form = dialog.querySelector("form");
        const answer = { choice: dialog.returnValue, ...Object.fromEntries(new FormData(form)) };
        resolve(dialog.returnValue ? answer : null);
      },
      { once: true },
    );
  });
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
