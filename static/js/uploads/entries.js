/* Files from a picker or a drop, as { file, path }: the path is within what was chosen. */
export function picked(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/* Whether what is dragged over the page are files. */
export function hasFiles(transfer) {
  return [...transfer.types].includes("Files");
}

/* Return the files of a drop, those within its folders too, and the paths that cannot be read.
   `found` is told how many there are so far. */
export async function dropped(transfer, found) {
  const roots = rootsOf(transfer); // a drop is forgotten once anything is waited for
  const files = [];
  const unreadable = [];
  const left = roots.reverse();
  while (left.length) {
    const { entry, path, file } = left.pop();
    try {
      if (file) files.push({ file, path });
      else if (entry.isFile) files.push({ file: await fileOf(entry), path });
      else left.push(...(await children(entry, path)).reverse());
    } catch {
      unreadable.push(path);
    }
    found(files.length);
  }
  return { files, unreadable };
}

function rootsOf(transfer) {
  return [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => {
      const entry = item.webkitGetAsEntry?.();
      const file = entry ? null : item.getAsFile();
      return { entry, file, path: (entry ?? file)?.name };
    })
    .filter(({ entry, file }) => entry || file);
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/* A folder is read in parts, of a hundred entries at most in Chromium, until one is empty. */
async function children(folder, path) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some.map((entry) => ({ entry, path: path ? `${path}/${entry.name}` : entry.name })));
  }
}
