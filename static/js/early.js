/* Before anything is drawn: what needs no script hides, what needs one shows. */
document.documentElement.dataset.js = "";

/* A button that is clicked before its script is there is clicked again once all are. */
let early = null;
const remember = (event) => {
  const button = event.target.closest("button[type=button]:not([popovertarget])");
  if (button && !event.defaultPrevented) early = button;
};
window.addEventListener("click", remember);
window.addEventListener("DOMContentLoaded", () => {
  window.removeEventListener("click", remember);
  early?.click();
});
