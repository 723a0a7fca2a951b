/** Light or dark, and an accent whose words can be read on it and whose own words can be read on the window. */

import type { Colour } from "./colour.ts";
import { css, readableOn, readColour, WHITE, wordsOn } from "./colour.ts";

const GROUNDS = { light: "#f4f5f3", dark: "#232927" } as const; // --tint of widget.css, the least contrast words stand on
const RATIO = 5.5; // more than the 4.5 of WCAG AA: small words in an accent are read less easily than black ones

export class Theme {
  readonly #root: HTMLElement;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  #wish = "auto";

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  /** Look again whenever the device changes its mind, until `signal` ends. */
  follow(signal: AbortSignal): void {
    this.#dark.addEventListener("change", () => this.apply(this.#wish), { signal });
  }

  /** `light`, `dark`, or anything else for what the device is set to. */
  apply(wish: string): void {
    this.#wish = wish;
    const scheme = wish === "light" || wish === "dark" ? wish : this.#dark.matches ? "dark" : "light";
    this.#root.dataset.scheme = scheme;
    // The page may have set the accent with a style sheet of its own: only the browser knows which one counts.
    this.#root.style.color = "var(--accent)";
    const { color } = getComputedStyle(this.#root);
    this.#root.style.removeProperty("color");
    const ground = readColour(GROUNDS[scheme]) ?? WHITE;
    const accent = readColour(color) ?? painted(color, ground);
    this.#root.style.setProperty("--on-accent", css(wordsOn(accent)));
    this.#root.style.setProperty("--accent-words", css(readableOn(ground, accent, RATIO)));
  }
}

/** Any other colour (`oklch(…)`, a translucent one, …) as it looks on `ground`: what a canvas makes of it. */
function painted(colour: string, ground: Colour): Colour {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d");
  if (!pen) return ground;
  for (const layer of [css(ground), colour]) {
    pen.fillStyle = layer;
    pen.fillRect(0, 0, 1, 1);
  }
  const [red = 0, green = 0, blue = 0] = pen.getImageData(0, 0, 1, 1).data;
  return [red / 255, green / 255, blue / 255];
}
