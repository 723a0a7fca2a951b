/** The transcript on the screen: items by key, the typing dots, the quick replies, and where it is scrolled to. */

import type { Bubble, Surroundings } from "./bubbles.ts";
import { bubble } from "./bubbles.ts";
import { button, el, icon, set, unseen } from "./dom.ts";
import type { QuickReply } from "./protocol.ts";
import { clean } from "./safe.ts";
import type { View } from "./transcript.ts";

const NEAR_END = 60; // pixels from the end at which one still reads along

export class Log {
  /** The scrolling part. */
  readonly element: HTMLElement;
  /** "New messages", shown while one reads further up. */
  readonly newer: HTMLButtonElement;
  readonly #around: Surroundings;
  readonly #intro: HTMLElement;
  readonly #items = el("div", { class: "items", role: "log" });
  readonly #typing: HTMLElement;
  readonly #replies: HTMLElement;
  readonly #bubbles = new Map<string, Bubble>();
  readonly #choose: (reply: QuickReply) => void;
  #offered = "";
  #atEnd = true;

  constructor(around: Surroundings, greeting: string, choose: (reply: QuickReply) => void) {
    const { words } = around.language;
    this.#around = around;
    this.#choose = choose;
    this.#intro = intro(greeting, around);
    set(this.#items, { "aria-label": words.conversation, "aria-live": "off" });
    this.#typing = el(
      "div",
      { class: "typing", part: "typing", role: "status", hidden: true },
      el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
    );
    this.#replies = el("div", { class: "replies", part: "replies", role: "group", "aria-label": words.replies, hidden: true });
    this.element = el(
      "div",
      { class: "transcript", part: "transcript", tabindex: 0, role: "region", "aria-label": words.conversation },
      el("div", { class: "scrolled" }, this.#intro, this.#items, this.#typing, this.#replies),
    );
    this.newer = button({ class: "newer", part: "newer", hidden: true }, () => this.#catchUp(), words.newer, icon("down"));
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // Pictures that arrive, a keyboard that opens: whoever reads along stays at the end.
    const watch = new ResizeObserver(() => this.#atEnd && this.toEnd());
    watch.observe(this.element);
    watch.observe(this.element.firstElementChild as Element);
  }

  /** Show the view. What was said before the page was loaded is not read out. */
  show(view: View, history: boolean): void {
    const before = this.#bubbles.size;
    set(this.#items, { "aria-live": history ? "off" : "polite" });
    set(this.#intro, { "data-alone": view.items.length === 0 });
    this.#place(view);
    this.#showTyping(view.typing);
    this.#offer(view.replies);
    const own = view.items.at(-1)?.kind === "shopper" && this.#bubbles.size > before;
    if (this.#atEnd || own) this.toEnd();
    else if (this.#bubbles.size > before) this.newer.hidden = false;
  }

  toEnd(smoothly = false): void {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollTo({ top: this.element.scrollHeight, behavior: smoothly && !still ? "smooth" : "instant" });
    this.#atEnd = true;
    this.newer.hidden = true;
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  /** The button that was pressed vanishes, so the focus goes to what it led to. */
  #catchUp(): void {
    this.toEnd(true);
    this.focus();
  }

  /** Put every item where it belongs, and touch only what changed: a moved element would be read out again. */
  #place(view: View): void {
    const wanted = new Set(view.items.map((item) => item.key));
    for (const [key, { element }] of this.#bubbles) {
      if (!wanted.has(key)) {
        element.remove();
        this.#bubbles.delete(key);
      }
    }
    let place = this.#items.firstElementChild;
    for (const [index, item] of view.items.entries()) {
      let shown = this.#bubbles.get(item.key);
      if (shown) shown.update(item);
      else this.#bubbles.set(item.key, (shown = bubble(item, this.#around)));
      if (shown.element === place) place = place.nextElementSibling;
      else this.#items.insertBefore(shown.element, place);
      set(shown.element, {
        "data-first": view.items[index - 1]?.kind !== item.kind,
        "data-last": view.items[index + 1]?.kind !== item.kind,
        "data-newest": index === view.items.length - 1,
      });
    }
  }

  #showTyping(typing: boolean): void {
    if (this.#typing.hidden === !typing) return;
    this.#typing.hidden = !typing;
    this.#typing.querySelector(".unseen")?.remove();
    if (typing) this.#typing.append(unseen(this.#around.language.words.typing));
  }

  #offer(replies: readonly QuickReply[]): void {
    const offered = JSON.stringify(replies);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#replies.hidden = replies.length === 0;
    const choose = (reply: QuickReply) => (event: MouseEvent) => {
      this.#choose(reply);
      this.#around.goOn(event);
    };
    const choices = replies.map((reply) => button({ class: "reply", part: "reply" }, choose(reply), clean(reply.title)));
    this.#replies.replaceChildren(...choices);
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.#atEnd) this.newer.hidden = true;
  }
}

function intro(greeting: string, { language: { words } }: Surroundings): HTMLElement {
  return el(
    "div",
    { class: "intro", part: "greeting" },
    el("span", { class: "mark", "aria-hidden": "true" }, icon("chat")),
    ...(greeting
      ? [el("p", { class: "hello" }, clean(greeting))]
      : [el("p", { class: "hello" }, words.hello), el("p", { class: "faint" }, words.helloMore)]),
  );
}
