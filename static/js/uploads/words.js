/* Sizes and times as people read them. */
const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

export function sizeText(bytes) {
  if (bytes < 1024) return interpolate(gettext("%s B"), [bytes]);
  let value = bytes;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < UNITS.length - 1);
  return `${value.toFixed(value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

export function leftText(seconds) {
  if (seconds < 60) return interpolate(gettext("%s s left"), [Math.max(1, Math.round(seconds))]);
  if (seconds < 3600) return interpolate(gettext("%s min left"), [Math.round(seconds / 60)]);
  return interpolate(gettext("%s h left"), [(seconds / 3600).toFixed(1)]);
}

export function filesText(count) {
  return interpolate(ngettext("%s file", "%s files", count), [count.toLocaleString()]);
}
