/* What is dragged onto a folder is moved into it. */
import { bucket, entryOf, root } from "./screen.js";
import { put } from "./transfer.js";

const TYPE = "application/x-objects";

/* `entriesOf(row)` is what goes along with a row; `run` tells of what fails. */
export function enableDragging(entriesOf, run) {
  let dragged = [];
  root.addEventListener("dragstart", (event) => {
    const row = event.target.closest?.("tr[aria-selected]");
    if (!row) return;
    dragged = entriesOf(row);
    event.dataTransfer.setData(TYPE, "");
    event.dataTransfer.effectAllowed = "move";
  });
  root.addEventListener("dragover", (event) => {
    const row = target(event, dragged);
    if (row) event.preventDefault();
    mark(row);
  });
  root.addEventListener("dragend", () => mark(null));
  root.addEventListener("drop", (event) => {
    const row = target(event, dragged);
    if (!row) return;
    event.preventDefault();
    mark(null);
    run(() => put("move", dragged, { bucket, prefix: entryOf(row).key }));
  });
}

/* The folder that the pointer is over, unless it is dragged itself. */
function target(event, dragged) {
  const row = event.dataTransfer.types.includes(TYPE) && event.target.closest("tr[data-folder]");
  return row && !dragged.some(({ key }) => key === entryOf(row).key) ? row : null;
}

function mark(row) {
  for (const other of root.querySelectorAll("tr.target")) other.classList.remove("target");
  row?.classList.add("target");
}
