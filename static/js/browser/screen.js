/* The browser's screen: where it is, and what a row of it stands for. */
export const root = document.getElementById("browser");
export const bucket = root.dataset.bucket;
export const prefix = decodeURIComponent(root.dataset.prefix);
export const versioned = "versioned" in root.dataset;
export const mayWrite = "mayWrite" in root.dataset;
export const needsKey = "needsKey" in root.dataset;

/* What a row stands for; a folder's key ends in its slash, its size is null. */
export function entryOf(row) {
  const link = row.querySelector(".name a");
  const isFolder = "folder" in row.dataset;
  const key = new URL(link.href).searchParams.get(isFolder ? "prefix" : "key");
  return { key, isFolder, name: nameOf(key), size: isFolder ? null : Number(row.dataset.size), href: link.href };
}

export function nameOf(key) {
  return key.replace(/\/$/, "").split("/").at(-1);
}
