/* One file in the list of uploads. */
import { DONE, FAILED, PAUSED, RUNNING, SKIPPED } from "./queue.js";
import { size as sizeText, why } from "../browser/texts.js";

const OFFERED = {
  pause: (item) => item.state === RUNNING,
  start: (item) => item.state === PAUSED,
  retry: (item) => item.state === FAILED,
  cancel: (item) => item.unfinished || item.state === FAILED,
};
const LABELS = {
  pause: (name) => interpolate(gettext("Pause %s"), [name]),
  start: (name) => interpolate(gettext("Go on with %s"), [name]),
  retry: (name) => interpolate(gettext("Try %s again"), [name]),
  cancel: (name) => interpolate(gettext("Cancel %s"), [name]),
};

/* Return an empty row; `act(what, item)` is told of its buttons. */
export function makeRow(template, act) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) act(button.dataset.act, row.item);
  });
  return row;
}

export function fillRow(row, item) {
  const name = item.key.slice(item.prefix.length);
  if (row.item !== item || row.name !== name) {
    row.item = item;
    row.name = name;
    const shown = row.querySelector("[data-part=name]");
    shown.textContent = name;
    shown.title = item.key;
    row.querySelector("progress").setAttribute("aria-label", name);
    for (const button of row.querySelectorAll("[data-act]")) {
      button.setAttribute("aria-label", LABELS[button.dataset.act](name));
    }
  }
  row.dataset.state = item.error && item.state === RUNNING ? "troubled" : item.state;
  const detail = row.querySelector("[data-part=detail]");
  const said = detailText(item);
  if (detail.textContent !== said) {
    detail.textContent = said;
    detail.title = said;
  }
  row.querySelector("progress").value = item.size ? item.sent / item.size : Number(item.state === DONE);
  for (const button of row.querySelectorAll("[data-act]")) button.hidden = !OFFERED[button.dataset.act](item);
}

function detailText(item) {
  const size = sizeText(item.size);
  if (item.state === DONE) return size;
  if (item.state === SKIPPED) return gettext("Skipped: it is there already");
  if (item.state === FAILED) return why(item.error);
  if (item.error) return `${item.error.message} ${againText(item.again)}`;
  const amount = item.sent ? interpolate(gettext("%(sent)s of %(size)s"), { sent: sizeText(item.sent), size }, true) : size;
  if (item.isQuiet) return `${amount} · ${gettext("nothing moves")}`;
  if (item.state === RUNNING && item.sent >= item.size) return `${amount} · ${gettext("being stored")}`;
  return item.state === PAUSED ? `${amount} · ${gettext("paused")}` : amount;
}

/* When it is tried again, `again` in milliseconds; 0: once somebody does something. */
export function againText(again) {
  if (!again) return "";
  const seconds = Math.max(1, Math.ceil((again - Date.now()) / 1000));
  return interpolate(ngettext("Trying again in %s second.", "Trying again in %s seconds.", seconds), [seconds]);
}
