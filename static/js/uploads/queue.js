/* What is to be uploaded, a few files at a time, until all of it is there. */
import { put } from "./put.js";
import { AGAIN, EXISTS, SIGN_IN, Stalled, Unreadable, delay, remedy } from "./remedy.js";
import { abandon, resume } from "./resumable.js";

export const WAITING = "waiting";
export const RUNNING = "running";
export const PAUSED = "paused";
export const FAILED = "failed";
export const DONE = "done";
export const SKIPPED = "skipped";
export const UNFINISHED = new Set([WAITING, RUNNING, PAUSED]);

const AT_ONCE = 4; // of the six connections that a browser has to a server
const SMALL_BYTES = 4 * 1024 * 1024;
const QUIET_SECONDS = 10; // until it is said
const SILENT_SECONDS = 60; // until it is tried again

/* A file on its way to its key. Where `guarded`, it replaces nothing. */
export class Item {
  state = WAITING;
  sent = 0;
  error = null; // of a failed one; of a running one, why it waits, until `again`
  again = 0;
  tries = 0; // since something moved
  choice = null; // what was said about files that are there already
  doubtful = false; // it may be stored: an answer was lost
  upload = null; // what tus knows of it
  #controller = new AbortController();

  constructor({ bucket, prefix }, path, file) {
    this.bucket = bucket;
    this.prefix = prefix;
    this.key = prefix + path;
    this.file = file;
    this.size = file.size; // asked once: Chromium looks at the disk each time
    this.guarded = true;
  }

  get isSmall() {
    return this.size <= SMALL_BYTES;
  }

  get unfinished() {
    return UNFINISHED.has(this.state);
  }

  /* Whether it seems to run and does not. */
  get isQuiet() {
    return this.state === RUNNING && Date.now() - this.movedAt > QUIET_SECONDS * 1000;
  }

  /* Begin something that `interrupt` ends. */
  begin() {
    this.movedAt = Date.now();
    this.#controller = new AbortController();
    return this.#controller.signal;
  }

  interrupt(reason) {
    this.#controller.abort(reason);
  }

  end(state, error = null) {
    this.state = state;
    this.error = error;
    if (state === DONE) this.sent = this.size;
  }

  moved(sent) {
    if (sent > this.sent) this.tries = 0;
    this.sent = sent;
    this.movedAt = Date.now();
  }
}

export class Queue {
  items = [];
  paused = false;
  signedOut = false;
  #atOnce = AT_ONCE;
  #running = new Set();
  #next = 0;
  #settle;

  /* `settle(item, signal)` decides about one whose key another has taken: true to go on. */
  constructor(settle) {
    this.#settle = settle;
    window.addEventListener("online", () => this.wake());
    setInterval(() => this.#interruptSilent(), 5000);
  }

  get unfinished() {
    return this.items.filter((item) => item.unfinished).length;
  }

  add(items) {
    this.items.push(...items);
    this.#pump();
  }

  pause(item) {
    if (item.state === WAITING) item.state = PAUSED;
    else if (item.state === RUNNING) this.#stop(item, PAUSED);
  }

  start(item) {
    if (item.state !== PAUSED && item.state !== FAILED) return;
    item.state = WAITING;
    item.tries = 0;
    item.error = null;
    this.#next = 0;
    this.#pump();
  }

  cancel(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#next = 0;
    if (item.state === RUNNING) this.#stop(item, null);
    abandon(item);
    this.#pump();
  }

  pauseAll() {
    this.paused = true;
    for (const item of this.#running) this.#stop(item, WAITING);
  }

  startAll() {
    this.paused = false;
    for (const item of this.items) if (item.state === PAUSED) item.state = WAITING;
    this.#next = 0;
    this.#pump();
  }

  cancelAll() {
    const unfinished = this.items.filter((item) => item.unfinished);
    this.items = this.items.filter((item) => !item.unfinished);
    for (const item of unfinished) {
      if (item.state === RUNNING) this.#stop(item, null);
      abandon(item);
    }
    this.paused = false;
    this.#next = 0;
  }

  /* Forget what is done. */
  clear() {
    this.items = this.items.filter((item) => item.unfinished);
    this.#next = 0;
  }

  /* Try now what waits for its next try. */
  wake() {
    for (const item of this.#running) if (item.error) item.interrupt();
  }

  /* Go on after somebody signed in again. */
  release() {
    this.signedOut = false;
    this.wake();
    this.#pump();
  }

  #pump() {
    while (!this.paused && !this.signedOut && this.#running.size < this.#atOnce) {
      const item = this.#waiting();
      if (!item) return;
      this.#run(item);
    }
  }

  /* Return the first that waits; one that was just stopped may still be ending. */
  #waiting() {
    for (; this.#next < this.items.length; this.#next += 1) {
      const item = this.items[this.#next];
      if (item.state === WAITING && !this.#running.has(item)) return item;
    }
    return null;
  }

  #stop(item, state) {
    item.state = state;
    item.interrupt();
  }

  async #run(item) {
    item.state = RUNNING;
    this.#running.add(item);
    while (item.state === RUNNING) {
      try {
        await this.#store(item);
      } catch (error) {
        if (item.state === RUNNING) await this.#mend(item, error);
      }
    }
    this.#running.delete(item);
    if (item.state === WAITING) this.#next = 0;
    this.#pump();
  }

  async #store(item) {
    const send = item.isSmall ? put : resume;
    try {
      await send(item, item.begin(), (sent) => item.moved(sent));
    } catch (error) {
      if (remedy(error) === EXISTS && (await this.#settle(item, item.begin()))) return;
      throw error;
    }
    if (item.state === RUNNING) item.end(DONE);
  }

  async #mend(item, error) {
    const what = remedy(error, item.tries);
    if (what === SIGN_IN) {
      this.signedOut = true;
      await rest(item, error);
    } else if (what !== AGAIN) {
      item.end(FAILED, error);
    } else if (!(await isReadable(item.file))) {
      item.end(FAILED, new Unreadable());
    } else {
      if (error.code === "too_many_uploads") this.#atOnce = Math.max(1, this.#running.size - 1);
      item.doubtful = true;
      await rest(item, error, delay(error, item.tries));
      item.tries += 1;
    }
  }

  #interruptSilent() {
    for (const item of this.#running) {
      const silent = Date.now() - item.movedAt > SILENT_SECONDS * 1000;
      if (silent && !item.error) item.interrupt(new Stalled());
    }
  }
}

/* Wait so many seconds, or else until somebody interrupts. */
async function rest(item, error, seconds = 0) {
  const signal = item.begin();
  item.error = error;
  item.again = seconds ? Date.now() + seconds * 1000 : 0;
  await new Promise((resolve) => {
    signal.addEventListener("abort", resolve);
    if (seconds) setTimeout(resolve, seconds * 1000);
  });
  item.error = null;
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
