/* Work that the store does by itself: shown until it has ended. */
import { api, Refused } from "../api.js";
import { toast } from "../toast.js";
import { count } from "./texts.js";

const WAIT = 700;

/* Return an answer of REST; of a job (202), the job when it is done. Throws Refused when
   it fails or is cancelled: what it did until then stays. */
export async function finished(answer, title) {
  if (!answer?.state) return answer;
  const note = toast(title, "busy");
  const bar = document.createElement("progress");
  const link = document.createElement("a");
  bar.setAttribute("aria-label", title);
  link.href = "/ui/jobs/";
  link.textContent = gettext("Jobs");
  note.append(bar, link);
  try {
    let job = answer;
    while (job.state === "queued" || job.state === "running") {
      bar.max = Math.max(job.keys_total, 1);
      if (job.state === "running") bar.value = Math.min(job.keys_done, bar.max);
      link.textContent = interpolate(gettext("%s of %s"), [count(job.keys_done), count(job.keys_total)]);
      await new Promise((resolve) => setTimeout(resolve, WAIT));
      job = await api("GET", `/jobs/${job.id}`);
    }
    if (job.state !== "done") throw new Refused(ended(job), 0);
    return { keys: job.keys_done };
  } finally {
    note.remove();
  }
}

function ended(job) {
  const done = interpolate(gettext("It stopped after %s keys, which stay changed."), [count(job.keys_done)]);
  return { code: job.problem?.code, detail: `${job.problem?.detail ?? gettext("It was cancelled.")} ${done}` };
}
