/* The panel in the corner: how far the uploads are, each and all, and what can be done with them. */
import { LongList } from "./list.js";
import { Meter } from "./meter.js";
import { DONE, FAILED, PAUSED, RUNNING, SKIPPED } from "./queue.js";
import { againText, fillRow, makeRow } from "./row.js";
import { size as sizeText } from "../browser/texts.js";
import { filesText, leftText } from "./words.js";

const SHOWN = {
  unfinished: (item) => item.unfinished,
  failed: (item) => item.state === FAILED,
  done: (item) => item.state === DONE || item.state === SKIPPED,
};
const QUARTERS = 4;

export class Panel {
  #element;
  #queue;
  #list;
  #bytes = new Meter();
  #files = new Meter();
  #shown = null; // the list that somebody chose; else the one that has something to tell
  #quarter = 0;
  #trouble = "";
  #wasBusy = false;

  /* `act(what, item)` is told of the buttons of an item, or without one of those of all. */
  constructor(element, queue, act) {
    this.#element = element;
    this.#queue = queue;
    const template = document.getElementById("upload-row");
    this.#list = new LongList(this.#part("rows"), () => makeRow(template, act), fillRow);
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-all], [data-show]");
      if (button?.dataset.show) this.#show(button.dataset.show);
      else if (button?.dataset.all === "fold") this.#fold();
      else if (button) act(button.dataset.all);
    });
    if (matchMedia("(max-width: 36rem)").matches) this.#fold();
  }

  /* Say what is being prepared; nothing is uploaded yet. */
  prepare(text) {
    this.#element.hidden = false;
    if (!this.#queue.items.length) this.#part("title").textContent = text;
  }

  close() {
    this.#element.hidden = true;
    this.#shown = null;
    this.#list.show([]);
  }

  draw() {
    const sums = this.#count();
    const { items } = this.#queue;
    if (!items.length) return;
    this.#element.hidden = false;
    this.#part("title").textContent = this.#title(sums);
    this.#part("progress").value = sums.bytes ? sums.sent / sums.bytes : sums.finished / items.length;
    this.#part("numbers").textContent = this.#numbers(sums);
    for (const [what, offered] of Object.entries(this.#offered(sums))) {
      this.#element.querySelector(`header [data-all=${what}]`).hidden = !offered;
    }
    this.#drawTrouble(sums);
    this.#drawList(sums);
    this.#tell(sums);
    this.#wasBusy = sums.unfinished > 0;
  }

  #count() {
    const sums = { unfinished: 0, moving: 0, failed: 0, done: 0, skipped: 0, stored: 0, bytes: 0, sent: 0, running: [] };
    for (const item of this.#queue.items) {
      if (item.unfinished) sums.unfinished += 1;
      else if (item.state === FAILED) sums.failed += 1;
      else sums.done += 1;
      if (item.unfinished && item.state !== PAUSED && !this.#queue.paused) sums.moving += 1;
      if (item.state === SKIPPED) sums.skipped += 1;
      if (item.state === DONE) sums.stored += 1;
      if (item.state === RUNNING) sums.running.push(item);
      if (item.state === FAILED || item.state === SKIPPED) continue;
      sums.bytes += item.size;
      sums.sent += item.sent;
    }
    sums.finished = sums.failed + sums.done;
    this.#bytes.note(sums.sent);
    this.#files.note(sums.finished);
    return sums;
  }

  #title({ unfinished, moving, failed, skipped, stored, finished }) {
    if (unfinished) {
      const text = moving ? gettext("Uploading: %(done)s of %(all)s") : gettext("Paused: %(done)s of %(all)s");
      return interpolate(text, { done: finished.toLocaleString(), all: filesText(unfinished + finished) }, true);
    }
    const parts = [interpolate(gettext("%s uploaded"), [stored.toLocaleString()])];
    if (failed) parts.push(interpolate(gettext("%s failed"), [failed.toLocaleString()]));
    if (skipped) parts.push(interpolate(gettext("%s skipped"), [skipped.toLocaleString()]));
    return parts.join(", ");
  }

  #numbers({ unfinished, moving, bytes, sent, finished }) {
    if (!unfinished) return sizeText(bytes);
    const amount = interpolate(gettext("%(sent)s of %(size)s"), { sent: sizeText(sent), size: sizeText(bytes) }, true);
    if (!moving) return amount;
    const rate = this.#bytes.rate;
    const parts = [amount, interpolate(gettext("%s/s"), [sizeText(Math.round(rate))])];
    const seconds = Math.max(rate ? (bytes - sent) / rate : 0, this.#files.rate ? unfinished / this.#files.rate : 0);
    if (seconds && finished + sent) parts.push(leftText(seconds));
    return parts.join(" · ");
  }

  #offered({ unfinished, moving, failed }) {
    return {
      pause: moving,
      start: unfinished && !moving,
      retry: failed && !unfinished,
      cancel: unfinished,
      close: !unfinished,
    };
  }

  #drawTrouble({ running }) {
    const troubled = running.filter((item) => item.error);
    let text = "";
    if (this.#queue.signedOut) {
      text = gettext("You are no longer signed in. Sign in again in another tab, then go on.");
    } else if (troubled.length && !navigator.onLine) {
      text = gettext("You are offline. Uploads go on by themselves once you are back.");
    } else if (troubled.length && troubled.length === running.length) {
      const next = troubled.reduce((first, item) => (item.again < first.again ? item : first));
      text = `${next.error.message} ${againText(next.again)}`;
    }
    this.#part("trouble").hidden = !text;
    this.#part("trouble-text").textContent = text;
    this.#part("sign-in").hidden = !this.#queue.signedOut;
  }

  #drawList(sums) {
    const chosen = this.#shown && sums[this.#shown] ? this.#shown : Object.keys(SHOWN).find((name) => sums[name]);
    for (const name of Object.keys(SHOWN)) {
      this.#part(name).textContent = sums[name].toLocaleString();
      const button = this.#element.querySelector(`[data-show=${name}]`);
      button.setAttribute("aria-pressed", name === chosen);
      button.disabled = !sums[name];
    }
    if (!this.#part("body").hidden) this.#list.show(this.#queue.items.filter(SHOWN[chosen]));
  }

  /* Read out the beginning, each quarter, what is wrong, and the end. */
  #tell(sums) {
    const trouble = this.#part("trouble").hidden ? "" : this.#part("trouble-text").textContent.replace(/\d+/g, "");
    const quarter = sums.bytes ? Math.floor((sums.sent / sums.bytes) * QUARTERS) : 0;
    const changed = sums.unfinished > 0 !== this.#wasBusy || quarter > this.#quarter || trouble !== this.#trouble;
    if (changed) this.#part("said").textContent = `${this.#part("title").textContent}. ${trouble}`;
    this.#quarter = quarter;
    this.#trouble = trouble;
  }

  #show(name) {
    this.#shown = name;
    this.#part("rows").scrollTop = 0;
    this.draw();
  }

  #fold() {
    const body = this.#part("body");
    body.hidden = !body.hidden;
    this.#element.querySelector("[data-all=fold]").setAttribute("aria-expanded", !body.hidden);
    this.draw();
  }

  #part(name) {
    return this.#element.querySelector(`[data-part=${name}]`);
  }
}
