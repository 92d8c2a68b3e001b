/* Operations on many objects and on folders, and what to do where the store refuses. */
import { api } from "../api.js";
import { ask, fillNames, part } from "./dialogs.js";
import { finished } from "./jobs.js";
import { why } from "./texts.js";

const MOST_OPERATIONS = 1000;
const AT_ONCE = 6;
export const TAKEN = "precondition_failed";

/* Somebody said no to a question: nothing more is done. */
export class Stopped extends Error {}

/* Do to all files what `operationOf(file)` says, a thousand in each transaction. What is
   refused may be left out or replace what is there, after asking. Return what was done,
   each the file and the store's answer. */
export async function batch(files, operationOf) {
  const done = [];
  let replace = false;
  for (let start = 0; start < files.length; start += MOST_OPERATIONS) {
    let left = files.slice(start, start + MOST_OPERATIONS);
    while (left.length) {
      const operations = left.map((file) => withLeave(operationOf(file), replace));
      try {
        const answer = await api("POST", "/batch", { json: { operations } });
        done.push(...left.map((file, index) => ({ file, ...answer.operations[index] })));
        break;
      } catch (error) {
        if (!error.problem?.operations) throw error;
        const failed = new Map(error.problem.operations.map((failure) => [failure.index, failure]));
        const lines = [...failed].map(([index, failure]) => ({ name: left[index].name, why: why(failure), code: failure.code }));
        if ((await choice(lines, failed.size < left.length)) === "replace") replace = true;
        else left = left.filter((_, index) => !failed.has(index));
      }
    }
  }
  return done;
}

/* Do something to all keys of a folder; return how many there were. */
export async function wholeFolder(path, name, wanted, title) {
  let replace = false;
  for (;;) {
    try {
      const answer = await api("POST", path, { json: withLeave(wanted, replace) });
      return (await finished(answer, title)).keys;
    } catch (error) {
      if (error.code !== TAKEN || error.status === 0) throw error;
      await choice([{ name, why: why(error), code: error.code }], false);
      replace = true;
    }
  }
}

/* Call `act` for each, some at once; return those that failed, each with why. */
export async function each(entries, act) {
  const failures = [];
  const waiting = [...entries];
  const worker = async () => {
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      try {
        await act(entry);
      } catch (error) {
        failures.push({ name: entry.name ?? entry.key, why: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

function withLeave(wanted, replace) {
  if (!wanted.to) return wanted;
  return replace ? wanted : { ...wanted, if_none_match: "*" };
}

async function choice(lines, someAreLeft) {
  fillNames(part("refused", "names"), lines);
  part("refused", "leave").hidden = !someAreLeft;
  part("refused", "replace").hidden = lines.some(({ code }) => code !== TAKEN);
  const answer = await ask("refused");
  if (!answer) throw new Stopped();
  return answer.choice;
}
