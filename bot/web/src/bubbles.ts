/** One item of the transcript as an element, which later versions of the same item only add to. */

import { productStrip, sourceList } from "./cards.ts";
import type { Conversation } from "./conversation.ts";
import { button, el, icon, set, unseen } from "./dom.ts";
import { addProse } from "./prose.ts";
import type { Attachment } from "./protocol.ts";
import { clean, picture } from "./safe.ts";
import type { Item, ShopperItem, SpokenItem } from "./transcript.ts";
import type { Language } from "./words.ts";
import { day, size, time } from "./words.ts";

/** What every bubble needs to know of its surroundings. */
export interface Surroundings {
  conversation: Conversation;
  language: Language;
  /** Put the focus where the shopper goes on, after something was pressed that vanishes. */
  goOn(event?: MouseEvent): void;
}

export interface Bubble {
  readonly element: HTMLElement;
  /** Show a later version of the same item. */
  update(item: Item): void;
}

export function bubble(item: Item, around: Surroundings): Bubble {
  switch (item.kind) {
    case "shopper":
      return new ShopperBubble(item, around);
    case "assistant":
    case "agent":
      return new SpokenBubble(item, around);
    case "floor":
      return fixed(el("div", { class: "notice", part: "notice", "data-floor": item.floor }, around.language.words.floors[item.floor]));
    case "day":
      return fixed(el("div", { class: "day", part: "day" }, day(item.at, around.language)));
  }
}

function fixed(element: HTMLElement): Bubble {
  return { element, update: () => undefined };
}

class ShopperBubble implements Bubble {
  readonly element: HTMLElement;
  readonly #around: Surroundings;
  readonly #text = el("p", { dir: "auto" });
  readonly #foot = el("div", { class: "foot", part: "state" });
  #shown = "";

  constructor(item: ShopperItem, around: Surroundings) {
    this.#around = around;
    const files = item.files.map((file) => attachment(file, around));
    this.element = el(
      "article",
      { class: "said by-shopper", part: "line shopper", "data-message": item.key },
      unseen(`${around.language.words.you}: `),
      ...files,
      item.text && el("div", { class: "bubble", part: "bubble" }, this.#text),
      this.#foot,
    );
    this.update(item);
  }

  update(item: Item): void {
    if (item.kind !== "shopper") return;
    // What the shopper wrote stands as it was written: their own stars and dashes are no formatting. The server may
    // clean more of it away, and then every tab shows what it kept.
    const text = clean(item.text);
    if (this.#text.textContent !== text) this.#text.textContent = text;
    const { conversation, language } = this.#around;
    const offline = conversation.status === "offline" || conversation.status === "connecting";
    const note = item.state === "waiting" ? (conversation.held ? "held" : offline ? "queued" : "sending") : item.state;
    set(this.element, { "data-state": item.state === "waiting" ? note : item.state });
    this.#showPictures();
    const signature = `${note} ${conversation.held} ${item.reason ?? ""} ${item.at.getTime()}`;
    if (signature === this.#shown) return;
    this.#shown = signature;
    // That a message goes its way is no news; that it does not is.
    set(this.#foot, { "aria-live": item.state === "refused" ? "polite" : "off" });
    this.#foot.replaceChildren(...this.#note(note, item, language));
  }

  /** A picture waits for the token that its address needs. */
  #showPictures(): void {
    const { conversation } = this.#around;
    if (!conversation.session.token) return;
    for (const image of this.element.querySelectorAll<HTMLImageElement>("img[data-file]:not([src])")) {
      image.src = conversation.fileAddress(image.dataset.file ?? "");
    }
  }

  #note(note: string, item: ShopperItem, { words, locale }: Language): (Node | string)[] {
    const { conversation, goOn } = this.#around;
    const settle = (how: "retry" | "discard") => (event: MouseEvent) => {
      conversation[how](item.key);
      goOn(event);
    };
    switch (note) {
      case "sent":
        return [el("time", { datetime: item.at.toISOString() }, time(item.at, locale))];
      case "queued":
        return [icon("clock"), words.queued];
      case "held":
        return [icon("clock"), words.held[conversation.held] ?? words.busy];
      case "refused":
        return [
          el("span", { class: "trouble" }, icon("alert"), words.refused[item.reason ?? ""] ?? words.refused.other ?? ""),
          // A file that is gone is gone with every attempt.
          item.reason !== "bad_file" && button({ class: "quiet", part: "retry" }, settle("retry"), words.retry),
          button({ class: "quiet", part: "discard" }, settle("discard"), words.discard),
        ].filter((part) => part !== false);
      default:
        return [words.sending];
    }
  }
}

function attachment(file: Attachment, { conversation, language }: Surroundings): HTMLElement {
  const name = clean(file.name) || "file";
  const link = el("a", { part: "file", target: "_blank", rel: "noopener noreferrer" });
  // The token in the address is short-lived: it is put in when it is needed.
  const address = () => conversation.fileAddress(file.id);
  link.href = address();
  for (const event of ["pointerdown", "focus", "click"]) link.addEventListener(event, () => (link.href = address()));
  if (file.type.startsWith("image/")) {
    set(link, { class: "picture" });
    const image = el("img", { "data-file": file.id, alt: language.words.picture(name), loading: "lazy" });
    // The token may have ended since: once more with the next one.
    const again = () => conversation.session.open().then(() => (image.src = address()));
    image.addEventListener("error", () => again().catch(() => undefined), { once: true });
    link.append(image);
    return link;
  }
  set(link, { class: "file" });
  link.append(
    icon("file"),
    el("span", { class: "file-name" }, name),
    el("span", { class: "faint" }, size(file.size, language.locale)),
  );
  return link;
}

class SpokenBubble implements Bubble {
  readonly element: HTMLElement;
  readonly #around: Surroundings;
  readonly #said: HTMLElement;
  readonly #extras = el("div", { class: "extras" });
  // What can be done with a reply is no news: it is not read out when it appears.
  readonly #foot = el("div", { class: "foot", "aria-live": "off" });
  #texts = 0;
  #extra = "";
  #footing = "";

  constructor(item: SpokenItem, around: Surroundings) {
    this.#around = around;
    const { words } = around.language;
    const name = item.kind === "agent" ? clean(item.name) || words.colleague : words.assistant;
    this.#said = el("div", { class: "bubble", part: "bubble" });
    this.element = el(
      "article",
      { class: `said by-${item.kind}`, part: `line ${item.kind}`, "data-line": item.key },
      item.kind === "agent" ? el("div", { class: "name", part: "name" }, name) : unseen(`${name}: `),
      this.#said,
      this.#extras,
      this.#foot,
    );
    this.update(item);
  }

  update(item: Item): void {
    if (item.kind !== "assistant" && item.kind !== "agent") return;
    const { allowed } = this.#around.conversation;
    const setting = { allowed, newTab: this.#around.language.words.newTab };
    for (const { text, apart } of item.texts.slice(this.#texts)) addProse(this.#said, text, setting, apart);
    this.#texts = item.texts.length;
    this.#said.hidden = this.#texts === 0;
    set(this.element, { "data-ended": item.ended });
    this.#showExtras(item);
    this.#showFoot(item);
  }

  #showExtras(item: SpokenItem): void {
    const { conversation, language } = this.#around;
    const signature = JSON.stringify([item.products, item.images]);
    if (signature === this.#extra) return;
    this.#extra = signature;
    const images = item.images
      .map((address) => picture(address, conversation.allowed))
      .filter((address) => address !== null)
      .map((address) => el("img", { class: "shown", src: address, alt: "", loading: "lazy" }));
    this.#extras.replaceChildren(
      ...images,
      ...(item.products.length > 0 ? [productStrip(item.products, item.listed, language, conversation.allowed)] : []),
    );
  }

  #showFoot(item: SpokenItem): void {
    const { conversation, language } = this.#around;
    const signature = JSON.stringify([item.ended, item.last, item.sources, item.helpful]);
    if (signature === this.#footing) return;
    const focused = this.#foot.querySelector<HTMLElement>(":focus")?.getAttribute("part");
    this.#footing = signature;
    this.#foot.replaceChildren(el("time", { datetime: item.at.toISOString() }, time(item.at, language.locale)));
    if (!item.ended) return;
    if (item.sources.length > 0) this.#foot.append(sourceList(item.sources, language, conversation.allowed));
    if (item.kind === "assistant") this.#foot.append(this.#thumbs(item));
    // The thumb that was pressed is drawn anew, and keeps the focus.
    if (focused) this.#foot.querySelector<HTMLElement>(`[part="${focused}"]`)?.focus();
  }

  #thumbs(item: SpokenItem): HTMLElement {
    const { conversation, language } = this.#around;
    const thumb = (helpful: boolean) => {
      const pressed = item.helpful === helpful;
      const label = helpful ? language.words.helpful : language.words.unhelpful;
      return button(
        { class: "thumb", part: helpful ? "helpful" : "unhelpful", "aria-pressed": String(pressed), "aria-label": label, title: label },
        () => conversation.judge(item.last, pressed ? null : helpful),
        icon(helpful ? "up" : "thumbDown"),
      );
    };
    return el(
      "div",
      { class: "thumbs", role: "group", "aria-label": language.words.judge, "data-judged": item.helpful !== null },
      thumb(true),
      thumb(false),
    );
  }
}
