/* <form data-asks="ID"> asks in the dialog of that id before it is sent. The dialog's own form
 * takes over its address and fields; [data-names] there lists what goes: the data-name of the
 * button that was pressed, or those of the boxes that are checked. */
import { toast } from "./toast.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.asks) return;
  event.preventDefault();
  const named = event.submitter?.dataset.name
    ? [event.submitter]
    : [...form.querySelectorAll("input[data-name]:checked")];
  if (named.length === 0) {
    toast(gettext("Choose something first."), "error");
    return;
  }
  ask(document.getElementById(form.dataset.asks), form, event.submitter, named);
}, true);

function ask(dialog, form, submitter, named) {
  const confirmed = dialog.querySelector("form");
  confirmed.action = form.action;
  for (const field of confirmed.querySelectorAll("[data-taken]")) field.remove();
  for (const [name, value] of new FormData(form, submitter)) {
    if (name === "csrfmiddlewaretoken") continue;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    field.dataset.taken = "";
    confirmed.append(field);
  }
  const names = named.map((element) => {
    const line = document.createElement("li");
    line.textContent = element.dataset.name;
    return line;
  });
  dialog.querySelector("[data-names]").replaceChildren(...names);
  dialog.showModal();
}
