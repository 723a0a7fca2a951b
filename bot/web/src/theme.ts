/** Light or dark, and an accent whose words can be read on it and whose own words can be read on the window. */

import { css, readableOn, readColour, wordsOn } from "./colour.ts";

const GROUNDS = { light: "#f4f5f3", dark: "#232927" } as const; // --tint of widget.css, the least contrast words stand on
const RATIO = 5.5; // more than the 4.5 of WCAG AA: small words in an accent are read less easily than black ones
const FALLBACK = "#2f6f4e";

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
    const accent = readColour(getComputedStyle(this.#root).color) ?? readColour(FALLBACK);
    this.#root.style.removeProperty("color");
    const ground = readColour(GROUNDS[scheme]);
    if (!accent || !ground) return;
    this.#root.style.setProperty("--on-accent", css(wordsOn(accent)));
    this.#root.style.setProperty("--accent-words", css(readableOn(ground, accent, RATIO)));
  }
}
