/* Numbers and sizes as people read them. */
const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

export function count(number) {
  return number.toLocaleString();
}

export function size(bytes) {
  if (bytes < 1024) return interpolate(gettext("%s B"), [count(bytes)]);
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: value < 100 ? 1 : 0 })} ${UNITS[unit]}`;
}

/* What a refusal means to who works with files, else the store's own words. */
const WHY = {
  no_such_key: gettext("It is not there any more."),
  precondition_failed: gettext("Something of this name is there already."),
  source_is_target: gettext("That is where it is: choose another place."),
  prefixes_overlap: gettext("A folder goes neither into itself nor to where it is: choose another place."),
};

export function why(error) {
  const isOfJob = error.status === 0;
  return (!isOfJob && WHY[error.code]) || (error.message ?? error.detail);
}

/* "3 files and 2 folders", or the name of the only one. */
export function what(entries) {
  if (entries.length === 1) return `“${entries[0].name}”`;
  const folders = entries.filter((entry) => entry.isFolder).length;
  const files = entries.length - folders;
  const said = [];
  if (files) said.push(interpolate(ngettext("%s file", "%s files", files), [count(files)]));
  if (folders) said.push(interpolate(ngettext("%s folder", "%s folders", folders), [count(folders)]));
  return said.join(gettext(" and "));
}
