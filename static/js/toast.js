/* A short word at the page's edge, read out by screen readers. An error stays until it
   is closed, one of the kind "busy" until who called for it removes it. */
const SECONDS = { success: 5, error: Infinity, busy: Infinity };

export function toast(text, kind = "success", action = null) {
  const shelf = shelfOf(document.querySelector("dialog[open]") ?? document.body);
  const note = document.createElement("div");
  note.className = `notice ${kind}`;
  note.setAttribute("role", kind === "error" ? "alert" : "status");
  const said = document.createElement("span");
  said.textContent = text;
  note.append(said);
  if (action) note.append(button(note, action.label, action.run));
  if (kind === "error") {
    const close = button(note, "×");
    close.setAttribute("aria-label", gettext("Close"));
    note.append(close);
    for (const other of shelf.querySelectorAll(".error")) if (other.textContent === note.textContent) other.remove();
  }
  shelf.append(note);
  const seconds = SECONDS[kind] * (action ? 2 : 1);
  if (seconds < Infinity) setTimeout(() => note.remove(), seconds * 1000);
  return note;
}

function button(note, label, run = () => {}) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = label;
  made.addEventListener("click", () => {
    note.remove();
    run();
  });
  return made;
}

function shelfOf(parent) {
  let shelf = parent.querySelector(":scope > .toasts");
  if (!shelf) {
    shelf = document.createElement("div");
    shelf.className = "toasts";
    parent.append(shelf);
  }
  return shelf;
}
