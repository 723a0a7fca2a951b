/** What comes with a reply: product cards, and sources that open where they stand. */

import { button, el, icon, outwardLink } from "./dom.ts";
import { addProse } from "./prose.ts";
import type { Product, Source } from "./protocol.ts";
import { asRecord, text } from "./protocol.ts";
import type { Allowed } from "./safe.ts";
import { clean, link, picture } from "./safe.ts";
import type { Language } from "./words.ts";
import { price } from "./words.ts";

const FEW = 5; // from here on the card says how many are left

/** A strip of products that scrolls sideways; they are read out where the words leave it to them (`listed`). */
export function productStrip(products: readonly Product[], listed: boolean, language: Language, allowed: Allowed): HTMLElement {
  const { words } = language;
  const cards = products.map((product) => el("li", { part: "product" }, card(product, language, allowed)));
  return el("ul", { class: "products", part: "products", role: "list", tabindex: 0, "aria-label": words.products, "aria-live": listed ? null : "off" }, ...cards);
}

function card(product: Product, language: Language, allowed: Allowed): HTMLElement {
  const { words, locale } = language;
  const shown = product.image ? picture(product.image, allowed) : null;
  const frame = el("span", { class: "product-picture" });
  if (shown) {
    const image = el("img", { src: shown, alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  }
  const content = [
    frame,
    el("span", { class: "product-name", part: "product-name", title: clean(product.name) }, clean(product.name)),
    el(
      "span",
      { class: "product-facts" },
      product.price && el("span", { class: "product-price", part: "product-price" }, price(product.price, product.currency, locale)),
      stock(product, words),
      ...product.facts.map((fact) => el("span", { class: "product-fact", part: "product-fact" }, clean(fact))),
    ),
  ];
  const address = product.url ? link(product.url, allowed) : null;
  return address
    ? outwardLink(address, words.newTab, { class: "product" }, ...content)
    : el("div", { class: "product" }, ...content);
}

function stock({ stock }: Product, words: Language["words"]): HTMLElement | null {
  const count = Number(stock);
  if (!stock?.trim() || !Number.isFinite(count)) return null;
  const [state, label] =
    count <= 0 ? ["none", words.soldOut] : count <= FEW ? ["few", words.fewLeft(count)] : ["some", words.inStock];
  return el("span", { class: "product-stock", part: "product-stock", "data-stock": state }, label);
}

/** The sources of a reply behind one button; each opens its passage in place. */
export function sourceList(sources: readonly Source[], language: Language, allowed: Allowed): HTMLElement {
  const { words } = language;
  const list = el(
    "ul",
    { class: "source-list", role: "list", hidden: true },
    ...sources.map((source) => el("li", {}, sourceEntry(source, language, allowed))),
  );
  const opener = button(
    { class: "quiet", part: "sources", "aria-expanded": "false" },
    () => toggle(opener, list),
    icon("book"),
    words.sources(sources.length),
    icon("down"),
  );
  return el("div", { class: "sources" }, opener, list);
}

function sourceEntry(source: Source, language: Language, allowed: Allowed): HTMLElement {
  const title = clean(source.title);
  // What an action looked up stands in no file: there is nothing to open.
  if (!source.passage || source.source.startsWith("action:")) {
    return el("span", { class: "source-title", part: "source" }, title);
  }
  const passage = el("div", { class: "passage", part: "passage", hidden: true });
  const opener = button(
    { class: "source-title", part: "source", "aria-expanded": "false" },
    () => {
      toggle(opener, passage);
      // What could not be fetched is asked for again when it is opened again.
      if (!passage.hidden && !passage.hasAttribute("data-filled")) void fill(passage, source, language, allowed);
    },
    el("span", {}, title),
    icon("down"),
  );
  return el("div", {}, opener, passage);
}

async function fill(passage: HTMLElement, source: Source, { words }: Language, allowed: Allowed): Promise<void> {
  passage.setAttribute("aria-busy", "true");
  passage.replaceChildren(el("p", { class: "faint" }, words.loading));
  const found = await fetchPassage(source, allowed.server);
  passage.removeAttribute("aria-busy");
  passage.replaceChildren();
  if (found === null) return passage.append(el("p", { class: "faint" }, words.sourceGone));
  passage.setAttribute("data-filled", "");
  addProse(passage, text(found.text), { allowed, newTab: words.newTab });
  const address = link(text(found.url) || (source.url ?? ""), allowed);
  if ((text(found.url) || source.url) && address) {
    passage.append(outwardLink(address, words.newTab, { class: "read-more", part: "source-link" }, words.readMore, icon("open")));
  }
}

async function fetchPassage(source: Source, server: string): Promise<Record<string, unknown> | null> {
  try {
    const address = `${server}/api/knowledge?passage=${encodeURIComponent(source.passage)}`;
    const response = await fetch(address, { credentials: "omit", signal: AbortSignal.timeout(15_000) });
    return response.ok ? asRecord(await response.json()) : null;
  } catch {
    return null;
  }
}

function toggle(opener: HTMLElement, content: HTMLElement): void {
  content.hidden = !content.hidden;
  opener.setAttribute("aria-expanded", String(!content.hidden));
}

