/* Pictures, films and sounds: their elements do it all, or cannot. */
import { Unshowable } from "./bytes.js";

export function show(stage) {
  const element = stage.querySelector("img, video, audio");
  const failed = new Unshowable("this browser does not know it");
  return new Promise((resolve, reject) => {
    if (element.error || (element.complete && element.naturalWidth === 0)) reject(failed);
    element.addEventListener("error", () => reject(failed));
    element.addEventListener("load", resolve);
    element.addEventListener("loadedmetadata", resolve);
    if (element.complete || element.readyState > 0) resolve();
  });
}
