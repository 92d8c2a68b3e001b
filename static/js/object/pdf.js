/* PDF: each page is drawn when it comes into view, from the ranges that it needs. */
import * as pdfjs from "../../vendor/pdfjs/pdf.min.mjs";
import { Unshowable } from "./bytes.js";

const MOST_PAGES = 500;
const SHARPEST = 2;

export async function show(stage) {
  pdfjs.GlobalWorkerOptions.workerSrc = stage.dataset.worker;
  const file = await open(stage.dataset);
  const first = (await file.getPage(1)).getViewport({ scale: 1 });
  const watcher = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      draw(file, target);
    }
  }, { root: stage, rootMargin: "50%" });
  const pages = document.createElement("div");
  pages.className = "pages";
  for (let number = 1; number <= Math.min(file.numPages, MOST_PAGES); number += 1) {
    const canvas = document.createElement("canvas");
    canvas.width = first.width;
    canvas.height = first.height;
    canvas.dataset.page = number;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", interpolate(gettext("Page %s of %s"), [number, file.numPages]));
    pages.append(canvas);
  }
  stage.replaceChildren(pages);
  for (const canvas of pages.children) watcher.observe(canvas);
}

/* The page's policy knows no WebAssembly. What a file lacks, its fonts and how its characters are numbered, is
   fetched when it is needed. */
async function open({ source, library }) {
  const wasmUrl = new URL(library, document.baseURI).href;
  const lacking = { cMapUrl: `${wasmUrl}cmaps/`, standardFontDataUrl: `${wasmUrl}standard_fonts/` };
  const verbosity = pdfjs.VerbosityLevel.ERRORS; // many files are a little wrong
  const parts = { url: source, disableAutoFetch: true, disableStream: true };
  try {
    return await pdfjs.getDocument({ ...parts, ...lacking, useWasm: false, wasmUrl, enableXfa: false, verbosity }).promise;
  } catch (error) {
    throw new Unshowable(error.message); // it is damaged, or wants a password
  }
}

async function draw(file, canvas) {
  const page = await file.getPage(Number(canvas.dataset.page));
  const plain = page.getViewport({ scale: 1 });
  const sharpness = Math.min(window.devicePixelRatio || 1, SHARPEST);
  const viewport = page.getViewport({ scale: (canvas.clientWidth / plain.width) * sharpness });
  canvas.width = viewport.width;
  canvas.height = viewport.height;
  await page.render({ canvas, viewport }).promise;
  canvas.dataset.drawn = "";
}
