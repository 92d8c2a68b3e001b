/* Counts and times as people read them. */
export function leftText(seconds) {
  if (seconds < 60) return interpolate(gettext("%s s left"), [Math.max(1, Math.round(seconds))]);
  if (seconds < 3600) return interpolate(gettext("%s min left"), [Math.round(seconds / 60)]);
  return interpolate(gettext("%s h left"), [(seconds / 3600).toFixed(1)]);
}

export function filesText(count) {
  return interpolate(ngettext("%s file", "%s files", count), [count.toLocaleString()]);
}
