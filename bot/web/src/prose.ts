/** What was said, as elements: the safe subset and nothing else. */

import { el, outwardLink } from "./dom.ts";
import type { Allowed, Block, Inline } from "./safe.ts";
import { joint, parse } from "./safe.ts";

/** Where a text is shown: what may be linked, and what a link says about itself. */
export interface Setting {
  allowed: Allowed;
  newTab: string;
}

/**
 * Add a text to a bubble. A sentence that follows another goes on in its paragraph unless it is `apart`; nothing that stands there already is
 * touched, so that a screen reader reads only what is new.
 */
export function addProse(bubble: HTMLElement, text: string, setting: Setting, apart = false): void {
  for (const [index, block] of parse(text, setting.allowed).entries()) {
    const last = apart ? null : bubble.lastElementChild;
    if (index === 0 && last instanceof HTMLParagraphElement && block.kind === "paragraph") {
      const [first = [], ...others] = block.lines;
      const sentence = el("span", {}, joint(last.textContent ?? "", plain(first)), ...inline(first, setting));
      last.append(sentence, ...others.flatMap((line) => [el("br"), ...inline(line, setting)]));
    } else if (index === 0 && last instanceof HTMLUListElement && block.kind === "list") {
      last.append(...block.items.map((item) => el("li", {}, ...inline(item, setting))));
    } else bubble.append(element(block, setting));
  }
}

function element(block: Block, setting: Setting): HTMLElement {
  if (block.kind === "list") return el("ul", { dir: "auto" }, ...block.items.map((item) => el("li", {}, ...inline(item, setting))));
  const lines = block.lines.flatMap((line, index) => [...(index > 0 ? [el("br")] : []), ...inline(line, setting)]);
  return el("p", { dir: "auto" }, ...lines);
}

function inline(parts: Inline[], { newTab }: Setting): (Node | string)[] {
  return parts.map((part) => {
    if (part.kind === "bold") return el("strong", {}, part.text);
    if (part.kind === "link") return outwardLink(part.address, newTab, { part: "link" }, part.text);
    return part.text;
  });
}

function plain(parts: Inline[]): string {
  return parts.map((part) => part.text).join("");
}
