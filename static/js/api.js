/* The REST API on this origin, with the session's cookie. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? gettext("That did not work."));
    this.code = problem.code ?? "";
    this.status = status;
    this.problem = problem;
  }
}

/* Return the parsed answer (null without one); throws Refused with what the store says. */
export async function api(method, path, { json, body, headers = {}, signal } = {}) {
  const sent = { "X-CSRFToken": csrfToken(), ...headers };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: json === undefined ? body : JSON.stringify(json), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ code: "unreachable", detail: gettext("The store cannot be reached. Try again in a moment.") }, 0);
  }
  const isJson = /json/.test(answer.headers.get("Content-Type") ?? "");
  if (!answer.ok) throw new Refused(isJson ? await answer.json() : {}, answer.status);
  return isJson ? answer.json() : null;
}

/* The path of an object, each byte of its key in its place. What has a part "." or ".."
   is named by a parameter: of a path browsers would leave those out. */
export function objectPath(bucket, key, parameters = {}) {
  const parts = key.split("/");
  const inQuery = parts.includes(".") || parts.includes("..");
  const path = inQuery ? "" : `/${parts.map(encodeURIComponent).join("/")}`;
  const query = new URLSearchParams(inQuery ? { key, ...parameters } : parameters).toString();
  return `/buckets/${bucket}/objects${path}${query ? `?${query}` : ""}`;
}

/* The cookie's, since signing in anew in another tab changes it. */
export function csrfToken() {
  const cookie = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie);
  return cookie ? cookie[1] : (document.querySelector("meta[name=csrf-token]")?.content ?? "");
}
