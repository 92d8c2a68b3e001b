/* What went wrong with an upload, and what helps against it. */
import { Refused } from "../api.js";

export const AGAIN = "again"; // by itself, after a while
export const SIGN_IN = "sign in";
export const EXISTS = "exists";
export const GIVE_UP = "give up";

const FOR_A_WHILE = new Set([0, 408, 423, 425, 429, 502, 503, 504]);
const MOST_FAULTS = 5;
const MOST_SECONDS = 30;

/* Nothing moved for too long. */
export class Stalled extends Refused {
  constructor() {
    super({ code: "stalled", detail: gettext("Nothing arrives at the store any more.") }, 0);
  }
}

export class Unreachable extends Refused {
  constructor() {
    super({ code: "unreachable", detail: gettext("The store cannot be reached.") }, 0);
  }
}

export class Unreadable extends Refused {
  constructor() {
    super({ code: "unreadable", detail: gettext("This file cannot be read: it was changed, moved or deleted since it was chosen.") }, 400);
  }
}

/* Return the error of an answer. */
export function refusal(xhr) {
  let problem = {};
  try {
    problem = JSON.parse(xhr.responseText);
  } catch {
    // not the store's own words: the status has to do
  }
  const error = new Refused(problem, xhr.status);
  error.retryAfter = Number(xhr.getResponseHeader("Retry-After")) || 0;
  return error;
}

export function remedy(error, tries) {
  if (!(error instanceof Refused)) return GIVE_UP;
  const { status, code } = error;
  if (status === 401 || code === "csrf_required") return SIGN_IN;
  if (status === 412) return EXISTS;
  if (FOR_A_WHILE.has(status) || code === "offset_mismatch") return AGAIN;
  return status >= 500 && status !== 507 && tries < MOST_FAULTS ? AGAIN : GIVE_UP;
}

/* How many seconds to wait before the next try: as asked, else longer each time, never all at once. */
export function delay(error, tries) {
  const seconds = Math.max(error.retryAfter ?? 0, Math.min(2 ** tries, MOST_SECONDS) / 2);
  return seconds * (1 + Math.random() / 2);
}
