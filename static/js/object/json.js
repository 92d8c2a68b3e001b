/* JSON, indented. Its tokens stay as they were written: no number is rounded, no name
   lost, and a text that is cut or not quite JSON shows as far as it goes. */
import { readText } from "./bytes.js";
import { showCode } from "./code.js";

const TOKEN = /"(?:[^"\\]|\\[^])*"?|[{}[\],:]|[^\s{}[\],:"]+/g;

export async function show(stage) {
  const { text, whole } = await readText(stage);
  showCode(stage, indented(text), "json", whole);
}

export function indented(text) {
  let out = "";
  let depth = 0;
  let before = "";
  for (const [token] of text.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    const empty = closes && (before === "{" || before === "[");
    if (closes) depth = Math.max(0, depth - 1);
    const breaks = !empty && (closes || before === "{" || before === "[" || before === ",");
    const nextRoot = depth === 0 && !closes && out && !breaks && before !== ":" && !/[,:]/.test(token);
    if (breaks || nextRoot) out += `\n${"  ".repeat(depth)}`;
    else if (before === ":") out += " ";
    out += token;
    if (token === "{" || token === "[") depth += 1;
    before = token;
  }
  return out;
}
