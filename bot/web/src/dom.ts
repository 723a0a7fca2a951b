/** Elements from plain values: no markup is ever parsed, so none can be smuggled in. */

type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined | false;

/** An element; attributes that are null, undefined or false are left out, true ones are empty. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value === true ? "" : value)) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/** A button that does something. `label` is its accessible name where its content is not. */
export function button(attributes: Attributes, act: (event: MouseEvent) => void, ...children: Child[]): HTMLButtonElement {
  const made = el("button", { type: "button", ...attributes }, ...children);
  made.addEventListener("click", act);
  return made;
}

/**
 * Whether the focus may go where one writes: not where that opens a keyboard over what the shopper wants to read. A click
 * without a detail is a key that was pressed.
 */
export function mayType(event?: MouseEvent): boolean {
  return event?.detail === 0 || matchMedia("(pointer: fine)").matches;
}

/** Words for screen readers only. */
export function unseen(words: string): HTMLElement {
  return el("span", { class: "unseen" }, words);
}

/** An address that opens beside the page and learns nothing about it. */
export function outwardLink(address: string, newTab: string, attributes: Attributes, ...children: Child[]): HTMLAnchorElement {
  const link = el("a", { ...attributes, href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
  link.append(unseen(` (${newTab})`));
  return link;
}

/** Outlines on a grid of 24, drawn with round lines. */
const ICONS = {
  chat: "M20 11.5c0 4.1-3.6 7.5-8 7.5-1.1 0-2.2-.2-3.1-.6L4 20l1.5-4C4.6 14.8 4 13.2 4 11.5 4 7.4 7.6 4 12 4s8 3.4 8 7.5Z",
  down: "m6 9.5 6 6 6-6",
  person: "M12 12a3.8 3.8 0 1 0 0-7.6 3.8 3.8 0 0 0 0 7.6ZM4.8 20c.6-3.5 3.5-5.5 7.2-5.5s6.6 2 7.2 5.5",
  send: "M12 19V5.5M6 11l6-6 6 6",
  attach: "m19.5 11.8-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.7-7.7a3.1 3.1 0 0 1 4.4 4.4l-7.6 7.6a1.6 1.6 0 0 1-2.3-2.3l6.7-6.6",
  up: "M7.5 11v8.5M7.5 11l3.7-6.6c1.4 0 2.4 1.2 2.1 2.6L12.7 10h4.7c1.3 0 2.2 1.2 1.9 2.4l-1.5 5.5c-.3 1-1.1 1.6-2.1 1.6H4.5V11h3Z",
  thumbDown: "M16.5 13V4.5M16.5 13l-3.7 6.6c-1.4 0-2.4-1.2-2.1-2.6l.6-3H6.6c-1.3 0-2.2-1.2-1.9-2.4l1.5-5.5c.3-1 1.1-1.6 2.1-1.6h11.2V13h-3Z",
  cross: "m7 7 10 10M17 7 7 17",
  file: "M13.5 4H8a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h8a2 2 0 0 0 2-2V8.5L13.5 4ZM13.5 4v4.5H18",
  book: "M12 6.8C10.5 5.6 8.3 5 5 5v12.8c3.3 0 5.5.6 7 1.8m0-12.8c1.5-1.2 3.7-1.8 7-1.8v12.8c-3.3 0-5.5.6-7 1.8m0-12.8v12.8",
  open: "M9 6.5H6.5v11h11V15M13 5.5h5.5V11M18 6l-7 7",
  alert: "M12 8v4.8m0 3.2v.1M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z",
  check: "m5.5 12.5 4.2 4.2L18.5 8",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2",
} as const;

export type IconName = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

/** A drawing without meaning of its own: its button or text names it. */
export function icon(name: IconName): SVGSVGElement {
  const drawing = document.createElementNS(SVG, "svg");
  set(drawing, { viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true", focusable: "false" });
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}
