/* The screen of one object: its preview, and rows that are added to a form. */
import { Unshowable } from "./bytes.js";

const KINDS = {
  media: () => import("./media.js"),
  pdf: () => import("./pdf.js"),
  text: () => import("./code.js"),
  json: () => import("./json.js"),
  csv: () => import("./csv.js"),
  markdown: () => import("./markdown.js"),
};

for (const stage of document.querySelectorAll("[data-preview]")) preview(stage);

async function preview(stage) {
  try {
    const { show } = await KINDS[stage.dataset.preview]();
    await show(stage);
    stage.removeAttribute("aria-busy");
  } catch (error) {
    const nothing = document.getElementById("no-preview").content.cloneNode(true);
    nothing.querySelector(".stage").classList.add("as-high");
    stage.replaceWith(nothing);
    if (!(error instanceof Unshowable)) throw error;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-adds-row], [data-removes-row]");
  if (!button) return;
  const rows = button.closest("[data-rows]");
  if ("addsRow" in button.dataset) {
    const row = rows.querySelector(".row").cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    button.before(row);
    row.querySelector("input").focus();
  } else if (rows.querySelectorAll(".row").length > 1) {
    button.closest(".row").remove();
  } else {
    for (const input of rows.querySelectorAll("input")) input.value = "";
  }
});
