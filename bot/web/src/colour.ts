/** Contrast as WCAG 2.1 reckons it, so that any accent of a shop's gives readable words. Pure. */

/** Red, green and blue, each in [0, 1]. */
export type Colour = readonly [number, number, number];

export const BLACK: Colour = [0, 0, 0];
export const WHITE: Colour = [1, 1, 1];

/** A computed CSS colour that is opaque sRGB (`rgb(…)`, `color(srgb …)`, `#rrggbb`); null for any other. */
export function readColour(css: string): Colour | null {
  if (/^rgba|\//.test(css)) return null;
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

/** The accent, made darker or lighter just so far that words in it can be read on `ground`; its hue stays. */
export function readableOn(ground: Colour, accent: Colour, ratio = 4.5): Colour {
  const [hue, saturation, lightness] = toHsl(accent);
  const end = luminance(wordsOn(ground));
  for (let step = 0; step <= 20; step++) {
    const shade = fromHsl(hue, saturation, lightness + ((end - lightness) * step) / 20);
    if (contrast(shade, ground) >= ratio) return shade;
  }
  return wordsOn(ground);
}

/** Hue in sixths of the circle, saturation and lightness in [0, 1]. */
function toHsl([red, green, blue]: Colour): [number, number, number] {
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const [range, lightness] = [most - least, (most + least) / 2];
  if (range === 0) return [0, 0, lightness];
  const hue =
    most === red ? (green - blue) / range + 6 : most === green ? (blue - red) / range + 2 : (red - green) / range + 4;
  return [hue % 6, range / (1 - Math.abs(2 * lightness - 1)), lightness];
}

function fromHsl(hue: number, saturation: number, lightness: number): Colour {
  const chroma = (1 - Math.abs(2 * lightness - 1)) * saturation;
  const part = (offset: number) => {
    const place = (hue + offset) % 6;
    return lightness - chroma / 2 + chroma * Math.max(0, Math.min(1, Math.abs(place - 3) - 1));
  };
  return [part(0), part(4), part(2)];
}
