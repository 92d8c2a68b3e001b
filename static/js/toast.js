/* A short word at the page's edge, read out by screen readers. One of the kind "busy"
   stays until who called for it removes it. */
const SECONDS = { success: 5, error: 12, busy: Infinity };

export function toast(text, kind = "success", action = null) {
  const note = document.createElement("div");
  note.className = `notice ${kind}`;
  note.setAttribute("role", kind === "error" ? "alert" : "status");
  const said = document.createElement("span");
  said.textContent = text;
  note.append(said);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      note.remove();
      action.run();
    });
    note.append(button);
  }
  shelf().append(note);
  const seconds = SECONDS[kind] * (action ? 2 : 1);
  if (seconds < Infinity) setTimeout(() => note.remove(), seconds * 1000);
  return note;
}

function shelf() {
  const parent = document.querySelector("dialog[open]") ?? document.body;
  let shelf = parent.querySelector(":scope > .toasts");
  if (!shelf) {
    shelf = document.createElement("div");
    shelf.className = "toasts";
    parent.append(shelf);
  }
  return shelf;
}
