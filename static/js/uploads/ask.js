/* The dialog about a file that is there already. */
import { size as sizeText } from "../browser/texts.js";
import { pressed } from "../question.js";

/* Ask about an item, the first of `count`. Return { choice, all }, null where all is called off. */
export async function ask(dialog, item, entry, count) {
  const part = (name) => dialog.querySelector(`[data-part=${name}]`);
  part("name").textContent = item.key.slice(item.prefix.length);
  part("there").textContent = sizeText(entry.size);
  part("there-time").dateTime = entry.created_at;
  part("there-time").textContent = shown(new Date(entry.created_at));
  part("new").textContent = sizeText(item.size);
  part("new-time").textContent = shown(new Date(item.file.lastModified));
  const others = count - 1;
  part("all").hidden = others === 0;
  part("all-text").textContent = interpolate(
    ngettext("Do the same for %s other file that is there already", "Do the same for %s other files that are there already", others),
    [others.toLocaleString()],
  );
  const choice = await pressed(dialog);
  return choice ? { choice, all: part("all").querySelector("input").checked } : null;
}

function shown(moment) {
  return moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
