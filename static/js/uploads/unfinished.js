/* What this browser has not finished: the store keeps what arrived of large files, and here is where. */
const BEGINS = "upload:";
const LEFT = "uploads:left";

/* As tus-js-client wants it (UrlStorage). It forgets what the store forgets. */
export const storage = {
  async findAllUploads() {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(BEGINS))
      .map(read)
      .filter(Boolean);
  },
  async findUploadsByFingerprint(fingerprint) {
    const found = read(BEGINS + fingerprint);
    return found ? [found] : [];
  },
  async removeUpload(name) {
    localStorage.removeItem(name);
  },
  async addUpload(fingerprint, upload) {
    write(BEGINS + fingerprint, upload);
    return BEGINS + fingerprint;
  },
};

/* A file is the same again when all of this is. */
export function fingerprint({ bucket, key, size, file, guarded }) {
  return JSON.stringify([bucket, key, size, file.lastModified, guarded]);
}

/* Note until when the store keeps it, as it said. */
export function keptUntil(fingerprint, moment) {
  const upload = read(BEGINS + fingerprint);
  if (upload && moment) write(BEGINS + fingerprint, { ...upload, until: Date.parse(moment) });
}

export function forget(fingerprint) {
  localStorage.removeItem(BEGINS + fingerprint);
}

/* How many files this tab had not uploaded when its page was left. */
export const left = {
  note(bucket, count) {
    if (count) sessionStorage.setItem(LEFT, JSON.stringify({ bucket, count }));
    else sessionStorage.removeItem(LEFT);
  },
  of(bucket) {
    const noted = JSON.parse(sessionStorage.getItem(LEFT) ?? "{}");
    return noted.bucket === bucket ? noted.count : 0;
  },
};

function read(name) {
  const upload = JSON.parse(localStorage.getItem(name) ?? "null");
  if (!upload || upload.until < Date.now()) {
    localStorage.removeItem(name);
    return null;
  }
  return { ...upload, urlStorageKey: name };
}

function write(name, upload) {
  try {
    localStorage.setItem(name, JSON.stringify(upload));
  } catch {
    // full, or not allowed: after a reload this one begins anew
  }
}
