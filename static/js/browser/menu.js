/* One menu for all rows, beside the button that opens it. */

const menu = document.getElementById("row-menu");
const GAP = 4;
let opened = null;

export function openMenu(row) {
  opened = row;
  const isFolder = "folder" in row.dataset;
  for (const item of menu.querySelectorAll("[data-for]")) item.hidden = (item.dataset.for === "folder") !== isFolder;
  menu.showPopover();
  const { bottom, top, right } = row.querySelector(".do button").getBoundingClientRect();
  const below = bottom + GAP + menu.offsetHeight < innerHeight;
  menu.style.left = `${Math.max(GAP, right - menu.offsetWidth)}px`;
  menu.style.top = `${Math.max(GAP, below ? bottom + GAP : top - GAP - menu.offsetHeight)}px`;
  items()[0].focus();
}

/* Call `act(what, row)` for what is chosen. */
export function onChoice(act) {
  menu.addEventListener("click", (event) => {
    const item = event.target.closest("[data-do]");
    if (!item) return;
    event.stopPropagation();
    menu.hidePopover();
    act(item.dataset.do, opened);
  });
}

menu.addEventListener("keydown", (event) => {
  const all = items();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all.at(to % all.length).focus();
});

function items() {
  return [...menu.querySelectorAll("[role=menuitem]:not([hidden])")];
}
