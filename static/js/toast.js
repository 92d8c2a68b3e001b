/* A short word at the page's edge, read out by screen readers. */
const SECONDS = { success: 5, error: 12 };

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
  setTimeout(() => note.remove(), SECONDS[kind] * 1000 * (action ? 2 : 1));
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
