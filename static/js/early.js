/* Before anything is drawn: what needs no script hides, what needs one shows. */
document.documentElement.dataset.js = "";
