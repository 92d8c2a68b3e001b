/* Choosing a bucket and a folder in it, level by level. */
import { api } from "../api.js";
import { toast } from "../toast.js";
import { part } from "./dialogs.js";
import { bucket, nameOf, prefix } from "./screen.js";

const PAGE = 1000;
const MOST_PAGES = 5;
const dialog = document.getElementById("transfer");
const [buckets, folder] = [dialog.querySelector("[name=bucket]"), dialog.querySelector("[name=folder]")];
let asked = 0;

/* Begin where the reader is. */
export async function begin() {
  buckets.replaceChildren(new Option(bucket, bucket));
  folder.value = prefix;
  list();
  try {
    const answer = await api("GET", "/buckets");
    const others = answer.buckets.map(({ name }) => name).filter((name) => name !== bucket);
    buckets.append(...others.map((name) => new Option(name, name)));
  } catch (error) {
    toast(error.message, "error");
  }
}

buckets.addEventListener("change", () => go(""));
folder.addEventListener("change", list);
part("transfer", "folders").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) go(decodeURIComponent(button.dataset.prefix));
});

function go(to) {
  folder.value = to;
  list();
}

async function list() {
  const number = ++asked;
  const here = folder.value && `${folder.value.replace(/\/+$/, "")}/`;
  const shelf = part("transfer", "folders");
  shelf.setAttribute("aria-busy", "true");
  let found = [];
  try {
    found = await folders(buckets.value, here);
  } catch (error) {
    if (number === asked) toast(error.message, "error");
  }
  if (number !== asked) return;
  shelf.removeAttribute("aria-busy");
  shelf.replaceChildren(...(here ? [item("..", here.replace(/[^/]*\/$/, ""))] : []), ...found.map((each) => item(nameOf(each), each)));
}

/* The folders of a folder: those among its first keys, where it has very many. */
async function folders(of, here) {
  const found = [];
  let cursor = "";
  for (let page = 0; page < MOST_PAGES && cursor !== null; page += 1) {
    const wanted = { bucket: of, prefix: here, delimiter: "/", limit: PAGE, ...(cursor && { cursor }) };
    const answer = await api("GET", `/objects?${new URLSearchParams(wanted)}`);
    found.push(...answer.prefixes);
    cursor = answer.next_cursor;
  }
  return found;
}

function item(name, to) {
  const line = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.dataset.prefix = encodeURIComponent(to);
  button.textContent = name === ".." ? gettext("↑ The folder above") : `${name}/`;
  line.append(button);
  return line;
}
