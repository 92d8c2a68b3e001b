/* A large file in chunks that stay where they arrived, by tus. */
import { csrfToken } from "../api.js";
import { Unreachable, refusal } from "./remedy.js";
import { fingerprint, forget, keptUntil, storage } from "./unfinished.js";

const CHUNK_BYTES = 64 * 1024 * 1024; // the store itself keeps what arrives of one in pieces of 16 MiB

/* Store an item, from where it was. Throws Refused, and the signal's reason. */
export async function resume(item, signal, moved) {
  const upload = (item.upload ??= await begin(item));
  signal.throwIfAborted();
  try {
    await go(upload, signal, moved);
  } catch (error) {
    const gone = upload.url && [404, 410].includes(error.status); // it has expired
    if (!gone && error.status !== 412) throw error;
    item.upload = null;
    forget(fingerprint(item));
    if (!gone) throw error;
    await resume(item, signal, moved);
  }
}

/* Have the store forget what arrived. */
export async function abandon(item) {
  forget(fingerprint(item));
  const upload = item.upload;
  item.upload = null;
  if (upload?.url) await upload.abort(true).catch(() => {}); // else it expires
}

async function begin(item) {
  await import("../../vendor/tus-js-client/tus.min.js");
  const print = fingerprint(item);
  const upload = new tus.Upload(item.file, {
    endpoint: "/tus/",
    chunkSize: CHUNK_BYTES,
    retryDelays: null, // the queue tries again, in one way for all
    metadata: { bucket: item.bucket, key: item.key, ...(item.file.type && { filetype: item.file.type }) },
    urlStorage: storage,
    fingerprint: async () => print,
    removeFingerprintOnSuccess: true,
    onBeforeRequest(request) {
      request.setHeader("X-CSRFToken", csrfToken());
      if (item.guarded && request.getMethod() === "POST") request.setHeader("If-None-Match", "*");
    },
    onAfterResponse: (_, answer) => keptUntil(print, answer.getHeader("Upload-Expires")),
    // From here on a failure is told: else the client begins anew, whatever the reason.
    onUploadUrlAvailable: () => (upload.options.endpoint = null),
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous) {
    upload.resumeFromPreviousUpload(previous);
    upload.options.endpoint = null;
  }
  return upload;
}

function go(upload, signal, moved) {
  return new Promise((resolve, reject) => {
    upload.options.onProgress = moved;
    upload.options.onSuccess = resolve;
    upload.options.onError = (error) => {
      const answer = error.originalResponse?.getUnderlyingObject();
      reject(answer ? refusal(answer) : error.originalRequest ? new Unreachable() : error);
    };
    signal.addEventListener("abort", () => {
      upload.abort();
      reject(signal.reason);
    });
    upload.start();
  });
}
