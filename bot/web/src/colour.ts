/** Contrast as WCAG 2.1 reckons it, so that any accent of a shop's gives readable words. Pure. */

/** Red, green and blue, each in [0, 1]. */
export type Colour = readonly [number, number, number];

export const BLACK: Colour = [0, 0, 0];
export const WHITE: Colour = [1, 1, 1];

/** A computed CSS colour (`rgb(…)`, `color(srgb …)`, `#rrggbb`); null for any other notation. */
export function readColour(css: string): Colour | null {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(css.trim());
  if (hex) return triple(hex.slice(1).map((part) => Number.parseInt(part, 16) / 255));
  const numbers = (css.match(/-?[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
  if (css.startsWith("rgb")) return triple(numbers.map((part) => part / 255));
  if (css.startsWith("color(srgb ")) return triple(numbers);
  return null;
}

function triple([red, green, blue]: number[]): Colour | null {
  return red === undefined || green === undefined || blue === undefined ? null : [red, green, blue];
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${[red, green, blue].map((part) => Math.round(part * 255)).join(" ")})`;
}

/** Relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance */
export function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

/** Contrast ratio, 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

/** Black or white, whichever reads better on the accent. */
export function wordsOn(accent: Colour): Colour {
  return contrast(accent, WHITE) >= contrast(accent, BLACK) ? WHITE : BLACK;
}

/** The accent, made darker or lighter just so far that words in it can be read on `ground`. */
export function readableOn(ground: Colour, accent: Colour, ratio = 4.5): Colour {
  const end = wordsOn(ground);
  for (let step = 0; step <= 20; step++) {
    const mixed = mix(accent, end, step / 20);
    if (contrast(mixed, ground) >= ratio) return mixed;
  }
  return end;
}

function mix(one: Colour, other: Colour, share: number): Colour {
  const at = (index: 0 | 1 | 2) => one[index] * (1 - share) + other[index] * share;
  return [at(0), at(1), at(2)];
}
