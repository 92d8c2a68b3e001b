/* A table of the first rows. */
import { noteCut, readText } from "./bytes.js";

const MOST_ROWS = 200;
const MOST_COLUMNS = 100;

export async function show(stage) {
  const { text, whole } = await readText(stage);
  const Papa = await papaparse(stage.dataset.papaparse);
  const { data } = Papa.parse(text, { preview: MOST_ROWS + 2, skipEmptyLines: true });
  const rows = data.slice(0, MOST_ROWS + 1);
  if (!whole && rows.length === data.length) rows.pop(); // it is cut
  const table = document.createElement("table");
  const [head = [], ...body] = rows;
  table.createTHead().append(line(head, "th"));
  table.createTBody().append(...body.map((row) => line(row, "td")));
  stage.replaceChildren(table);
  stage.classList.add("sheet");
  if (!whole || data.length > rows.length) {
    const said = gettext("These are the first %s rows. Download it to see the rest.");
    noteCut(stage, interpolate(said, [body.length]));
  }
}

function line(cells, kind) {
  const row = document.createElement("tr");
  for (const text of cells.slice(0, MOST_COLUMNS)) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    if (kind === "th") cell.scope = "col";
    else if (/^-?[\d.,\s]+%?$/.test(text)) cell.className = "number";
    row.append(cell);
  }
  return row;
}

/* It comes as a script of the old kind. */
function papaparse(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.addEventListener("load", () => resolve(window.Papa));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}
