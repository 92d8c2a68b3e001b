/* On every page: what HTML alone cannot do. Each part is found by its attribute. */
import { copyText } from "./copy.js";
import { toast } from "./toast.js";
import { localTimes } from "./times.js";
import { setTheme } from "./theme.js";

/* <button data-opens="ID"> opens a dialog, <button data-closes> closes the one it is in. */
document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-opens], dialog [data-closes], [data-copy], [data-theme-choice]");
  if (!target) {
    for (const menu of document.querySelectorAll("details.dropdown[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    return;
  }
  if (target.dataset.opens) {
    event.preventDefault();
    document.getElementById(target.dataset.opens).showModal();
  } else if ("closes" in target.dataset) {
    event.preventDefault();
    target.closest("dialog").close();
  } else if (target.dataset.themeChoice) {
    setTheme(target.dataset.themeChoice);
  } else {
    copyText(target);
  }
  const menu = target.closest("details.dropdown");
  if (menu) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.dropdown[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.querySelector("input[type=search][name=q]")?.focus();
  }
});

/* A form sends once. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    return;
  }
  form.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

localTimes(document);
document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));
/* What comes into a dialog opens it; in one that is open, it has the focus of what it replaced. */
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (target.matches("dialog[open]")) target.querySelector("a, button, select, input:not([type=hidden])")?.focus();
  if (!target.matches("dialog:not([open])")) return;
  for (const menu of document.querySelectorAll("details.dropdown[open]")) menu.open = false;
  target.showModal();
});
document.addEventListener("htmx:responseError", (event) => toast(event.detail.xhr.responseText || gettext("That did not work."), "error"));
document.addEventListener("htmx:sendError", () => toast(gettext("The store cannot be reached. Try again in a moment."), "error"));
