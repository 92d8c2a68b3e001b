/* Markdown: made HTML by marked, and safe by DOMPurify. */
import DOMPurify from "../../vendor/dompurify/purify.es.mjs";
import { Marked } from "../../vendor/marked/marked.esm.js";
import { noteCut, readText } from "./bytes.js";
import { coloured } from "./code.js";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "dd", "del", "details", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
  "h6", "hr", "i", "img", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "strong", "sub", "summary", "sup",
  "table", "tbody", "td", "th", "thead", "tr", "ul",
];
const ATTRIBUTES = ["align", "alt", "class", "colspan", "href", "open", "rowspan", "start", "title"];
/* None of these would stay; the browser reports each that it has to parse. */
const REPORTED = /<style\b.*?(?:<\/style\s*>|$)|\s(?:on\w+|style)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gis;
const marked = new Marked({
  gfm: true,
  renderer: {
    checkbox: ({ checked }) => (checked ? "\u2611 " : "\u2610 "),
    html: ({ text }) => text.replace(REPORTED, ""),
  },
});

export async function show(stage) {
  const { text, whole } = await readText(stage);
  const page = document.createElement("div");
  page.className = "markdown";
  page.append(safe(marked.parse(text)));
  stage.replaceChildren(page);
  if (!whole) noteCut(stage, gettext("This is the beginning. Download it to see the rest."));
}

/* No picture is fetched, no link stays that is not to a site, no class but the code's. */
function safe(html) {
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const image of fragment.querySelectorAll("img")) {
    const place = document.createElement("span");
    place.className = "badge";
    place.textContent = interpolate(gettext("Picture: %s"), [image.alt || gettext("without a name")]);
    image.replaceWith(place);
  }
  for (const link of fragment.querySelectorAll("a")) {
    if (/^(https?:|mailto:)/i.test(link.getAttribute("href") ?? "")) {
      link.rel = "noopener noreferrer nofollow";
      link.target = "_blank";
    } else {
      link.removeAttribute("href");
    }
  }
  for (const element of fragment.querySelectorAll("[class]")) {
    const language = /^language-(\S+)/.exec(element.className)?.[1];
    element.removeAttribute("class");
    if (language && element.matches("pre > code")) {
      element.replaceChildren(coloured(element.textContent, language));
    }
  }
  return fragment;
}
