/* Text with numbered lines, coloured where its language is known. */
import hljs from "../../vendor/highlight.js/highlight.min.js";
import DOMPurify from "../../vendor/dompurify/purify.es.mjs";
import { noteCut, readText } from "./bytes.js";

const LANGUAGES = {
  "text/html": "xml", "application/xml": "xml", "text/xml": "xml", "image/svg+xml": "xml",
  "text/css": "css", "text/javascript": "javascript", "application/javascript": "javascript",
  "application/x-sh": "bash", "text/x-python": "python", "application/x-python": "python",
  "application/yaml": "yaml", "application/toml": "ini", "text/x-sql": "sql", "application/sql": "sql",
};
const MOST_LINES = 5000;

export async function show(stage) {
  const { text, whole } = await readText(stage);
  showCode(stage, text, languageOf(stage.dataset), whole);
}

/* Fill the stage with lines of code; `language` is one of highlight.js, or none. */
export function showCode(stage, text, language, whole) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const all = whole && lines.length <= MOST_LINES;
  lines.length = Math.min(lines.length, MOST_LINES);
  const numbers = document.createElement("pre");
  numbers.className = "numbers";
  numbers.setAttribute("aria-hidden", "true");
  numbers.textContent = lines.map((_, index) => index + 1).join("\n");
  const code = document.createElement("pre");
  code.append(coloured(lines.join("\n"), language));
  const frame = document.createElement("div");
  frame.className = "code";
  frame.append(numbers, code);
  stage.replaceChildren(frame);
  if (!all) noteCut(stage, gettext("This is the beginning. Download it to see the rest."));
}

/* Return the text as nodes; the only markup in them is the highlighter's spans. */
export function coloured(text, language) {
  if (!language || !hljs.getLanguage(language)) return document.createTextNode(text);
  const { value } = hljs.highlight(text, { language, ignoreIllegals: true });
  return DOMPurify.sanitize(value, {
    ALLOWED_TAGS: ["span"],
    ALLOWED_ATTR: ["class"],
    RETURN_DOM_FRAGMENT: true,
  });
}

function languageOf({ name, type }) {
  const known = LANGUAGES[type.split(";")[0].trim().toLowerCase()];
  const ending = /\.([^.]+)$/.exec(name)?.[1] ?? name;
  return known ?? ending.toLowerCase();
}
