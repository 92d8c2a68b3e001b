/* A list of any length, of which only the rows in view are there. All rows are equally high. */
const BEYOND = 4;

export class LongList {
  #element;
  #space;
  #make;
  #fill;
  #entries = [];
  #rows = new Map();
  #spare = []; // rows of what is out of view: new ones are dear
  #height = 0;

  /* `make()` returns an empty row, `fill(row, entry)` shows an entry in it. */
  constructor(element, make, fill) {
    this.#element = element;
    this.#space = document.createElement("div");
    this.#space.setAttribute("role", "list");
    element.append(this.#space);
    this.#make = make;
    this.#fill = fill;
    element.addEventListener("scroll", () => this.#draw(), { passive: true });
  }

  show(entries) {
    this.#entries = entries;
    this.#draw();
  }

  #draw() {
    this.#height ||= this.#measure();
    const height = this.#height;
    this.#space.style.height = `${this.#entries.length * height}px`;
    const { scrollTop, clientHeight } = this.#element;
    this.#element.style.minHeight = this.#entries.length ? `${clientHeight}px` : ""; // what is below stays where it is
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const shown = this.#entries.slice(first, Math.ceil((scrollTop + clientHeight) / height) + BEYOND);
    const wanted = new Set(shown);
    for (const [entry, row] of this.#rows) {
      if (wanted.has(entry)) continue;
      row.remove();
      this.#spare.push(row);
      this.#rows.delete(entry);
    }
    let before = null;
    for (const [index, entry] of shown.entries()) {
      const row = this.#row(entry, before);
      row.style.transform = `translateY(${(first + index) * height}px)`;
      row.setAttribute("aria-posinset", first + index + 1);
      row.setAttribute("aria-setsize", this.#entries.length);
      this.#fill(row, entry);
      before = row;
    }
  }

  /* Return the row of an entry, after another; one that stays keeps its focus. */
  #row(entry, before) {
    let row = this.#rows.get(entry);
    if (!row) {
      row = this.#spare.pop() ?? this.#make();
      this.#rows.set(entry, row);
    }
    const place = before ? before.nextSibling : this.#space.firstChild;
    if (row !== place) this.#space.insertBefore(row, place);
    return row;
  }

  #measure() {
    const row = this.#make();
    this.#space.append(row);
    const { height } = row.getBoundingClientRect();
    row.remove();
    this.#spare.push(row);
    return height || 1;
  }
}
