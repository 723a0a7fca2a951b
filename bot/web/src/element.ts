/** `<kefu-chat>`: the button in the corner, the window, and what a page can do with them. */

import { Composer } from "./composer.ts";
import { Conversation } from "./conversation.ts";
import { button, el, icon, mayType, set } from "./dom.ts";
import { Log } from "./log.ts";
import type { Line } from "./protocol.ts";
import { clean } from "./safe.ts";
import type { Store } from "./storage.ts";
import { openStore } from "./storage.ts";
import { Theme } from "./theme.ts";
import type { View } from "./transcript.ts";
import sheetText from "./widget.css";
import type { Language } from "./words.ts";
import { chooseLanguage } from "./words.ts";

const OPEN_KEY = "kefu:open"; // of this tab: the next page of the shop opens with the window open
const PHONE = "(max-width: 480px)"; // as in widget.css
const MOST_UNREAD = 9;

export class KefuChat extends HTMLElement {
  static readonly observedAttributes = ["color", "scheme", "user-token"];

  readonly #shadow = this.attachShadow({ mode: "open" });
  readonly #colours = new CSSStyleSheet();
  readonly #tab = openStore("sessionStorage");
  #page: AbortController | undefined;
  #language: Language = chooseLanguage([]);
  #conversation: Conversation | undefined;
  #parts: Parts | undefined;
  #drawing = 0;

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(sheetText);
    this.#shadow.adoptedStyleSheets = [sheet, this.#colours];
  }

  /** Whether the window is open. */
  get opened(): boolean {
    return this.#parts?.window.hidden === false;
  }

  /** Open the window and put the focus into it. */
  open(): void {
    this.openFor();
  }

  /** Open the window for whoever pressed something. */
  openFor(event?: MouseEvent): void {
    this.#show(true);
    this.#parts?.goOn(event);
  }

  /** Close the window; the conversation goes on. */
  close(): void {
    const inside = this.#shadow.activeElement !== null;
    this.#show(false);
    if (inside) this.#parts?.launcher.focus();
  }

  /** Open the window and say something for the shopper. */
  send(text: string): void {
    this.open();
    if (text.trim()) this.#conversation?.say(text.trim());
  }

  connectedCallback(): void {
    if (this.#page) return;
    this.#page = new AbortController();
    const page = document.documentElement.lang;
    this.#language = chooseLanguage([this.getAttribute("language"), page, ...navigator.languages], navigator.languages);
    this.#paint();
    this.#begin();
    const { signal } = this.#page;
    document.addEventListener("visibilitychange", () => this.#draw(), { signal });
    window.visualViewport?.addEventListener("resize", () => this.#fit(), { signal });
    window.visualViewport?.addEventListener("scroll", () => this.#fit(), { signal });
    const wasOpen = this.#tab.get(OPEN_KEY) !== null;
    if (this.getAttribute("open") === "true" || (wasOpen && !matchMedia(PHONE).matches)) this.#show(true);
  }

  disconnectedCallback(): void {
    this.#page?.abort();
    this.#page = undefined;
    this.#conversation?.close();
    this.#shadow.replaceChildren();
    this.#parts = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#page || before === after) return;
    if (name !== "user-token") return this.#paint();
    // Somebody signed in or out: what was said before is another shopper's.
    const { opened } = this;
    const inside = this.#shadow.activeElement !== null;
    this.#conversation?.close();
    this.#begin();
    this.#show(opened);
    if (inside) this.#parts?.goOn();
  }

  /** A conversation, and a window around it. */
  #begin(): void {
    const server = (this.getAttribute("server") || location.origin).replace(/\/+$/, "");
    const conversation = new Conversation(openStore("localStorage"), server, this.getAttribute("user-token") || undefined, {
      onChange: () => this.#drawSoon(),
      onLine: (line) => this.#tell(line),
    });
    this.#conversation = conversation;
    this.#parts = new Parts(this, conversation, this.#language, this.#tab);
    this.#shadow.replaceChildren(this.#parts.root);
    this.#parts.theme.apply(this.getAttribute("scheme") ?? "auto");
    if (this.#page) this.#parts.theme.follow(this.#page.signal);
    if (conversation.begun) conversation.start();
    this.#draw();
  }

  #paint(): void {
    const colour = this.getAttribute("color");
    this.#colours.replaceSync(colour && CSS.supports("color", colour) ? `:host { --kefu-accent: ${colour}; }` : "");
    this.#parts?.theme.apply(this.getAttribute("scheme") ?? "auto");
  }

  #show(open: boolean): void {
    if (!this.#parts || open === this.opened) return;
    this.#parts.window.hidden = !open;
    if (open) this.#tab.set(OPEN_KEY, "1");
    else this.#tab.remove(OPEN_KEY);
    if (open) {
      this.#conversation?.start();
      this.#fit();
    }
    this.#draw();
    if (open) this.#parts.log.toEnd();
    this.dispatchEvent(new CustomEvent(open ? "kefu:open" : "kefu:close", { bubbles: true, composed: true }));
  }

  /** Many changes come in one moment; they are drawn once. */
  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = requestAnimationFrame(() => this.#draw());
    // A hidden tab draws no frames, but its count of unread lines has to be right when it is looked at.
    if (document.hidden) setTimeout(() => this.#drawing && this.#draw(), 200);
  }

  #draw(): void {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    const conversation = this.#conversation;
    if (!conversation || !this.#parts) return;
    if (this.opened && !document.hidden) conversation.markSeen();
    this.#parts.draw(conversation, this.opened);
  }

  #tell({ id, kind, at, ...line }: Line): void {
    const detail = { id, kind, at: at.toISOString(), text: "text" in line ? line.text : "" };
    this.dispatchEvent(new CustomEvent("kefu:line", { detail, bubbles: true, composed: true }));
  }

  /** On a phone the window is as high as what the keyboard leaves. */
  #fit(): void {
    const viewport = window.visualViewport;
    if (!viewport || !this.#parts) return;
    const { style } = this.#parts.window;
    style.setProperty("--height", `${viewport.height}px`);
    style.setProperty("--top", `${viewport.offsetTop}px`);
  }
}

/** The elements of one window. */
class Parts {
  readonly root: HTMLElement;
  readonly window: HTMLElement;
  readonly launcher: HTMLButtonElement;
  readonly log: Log;
  readonly composer: Composer;
  readonly theme: Theme;
  readonly #language: Language;
  readonly #badge = el("span", { class: "badge", part: "unread", "aria-hidden": "true", hidden: true });
  readonly #state = el("p", { class: "state", part: "floor" });
  readonly #banner = el("div", { class: "banner", part: "banner", role: "status" });
  readonly #person: HTMLButtonElement;
  readonly #personWords = el("span");
  #drawnOpen = false;

  constructor(chat: KefuChat, conversation: Conversation, language: Language, tab: Store) {
    const { words } = language;
    this.#language = language;
    const title = clean(chat.getAttribute("title-text") || "") || words.title;
    const surroundings = { conversation, language, goOn: (event?: MouseEvent) => this.goOn(event) };
    this.log = new Log(surroundings, chat.getAttribute("greeting") ?? "", ({ title, payload }) => conversation.say(payload, title));
    this.composer = new Composer(surroundings, tab, (text, files) => conversation.say(text, undefined, files));
    this.#person = button(
      { class: "person", part: "person" },
      () => this.#asked || conversation.askForPerson(words.personLine),
      icon("person"),
      this.#personWords,
    );
    const close = button({ class: "round", part: "close", "aria-label": words.close, title: words.close }, () => chat.close(), icon("down"));
    this.window = el(
      "section",
      { class: "window", part: "window", id: "window", role: "dialog", "aria-label": title, hidden: true },
      el(
        "div",
        { class: "header", part: "header" },
        el("span", { class: "mark", "aria-hidden": "true" }, icon("chat")),
        el("div", { class: "heading" }, el("h2", { part: "title" }, title), this.#state),
        close,
      ),
      this.#banner,
      el("div", { class: "middle" }, this.log.element, this.log.newer),
      this.composer.element,
      el("div", { class: "below" }, this.#person),
      el("div", { class: "drop", "aria-hidden": "true" }, icon("attach"), words.drop),
    );
    this.launcher = button(
      { class: "launcher", part: "launcher", "aria-controls": "window", "aria-expanded": "false" },
      (event) => (chat.opened ? chat.close() : chat.openFor(event)),
      icon("chat"),
      icon("down"),
      this.#badge,
    );
    this.root = el("div", { class: "root", lang: language.locale, dir: "ltr" }, this.window, this.launcher);
    if (chat.getAttribute("position") === "left") this.root.dataset.position = "left";
    this.theme = new Theme(this.root);
    this.#listen(chat);
  }

  /** Put the focus where the shopper goes on: to write, or on a phone to read. */
  goOn(event?: MouseEvent): void {
    if (mayType(event)) this.composer.focus();
    else this.log.focus();
  }

  draw(conversation: Conversation, open: boolean): void {
    const { words } = this.#language;
    const { view } = conversation;
    const unread = open ? 0 : conversation.unread;
    set(this.root, { "data-open": open });
    set(this.launcher, {
      "aria-expanded": String(open),
      "aria-label": open ? words.close : unread > 0 ? words.openUnread(unread) : words.open,
    });
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > MOST_UNREAD ? `${MOST_UNREAD}+` : String(unread);
    const asked = view.floor === "waiting" || view.floor === "agent" || conversation.asksForPerson;
    set(this.#person, { "aria-disabled": String(asked) });
    this.#write(this.#personWords, !asked ? words.person : view.floor === "agent" ? words.personHere : words.personAsked);
    this.#write(this.#state, this.#floorWords(view));
    this.#write(this.#banner, open ? (words.status[conversation.status] ?? "") : "");
    set(this.#banner, { "data-status": conversation.status });
    // What was said while the window was closed is read by whoever opens it, not read out.
    if (open) this.log.show(view, conversation.isHistory || !this.#drawnOpen);
    this.#drawnOpen = open;
  }

  get #asked(): boolean {
    return this.#person.getAttribute("aria-disabled") === "true";
  }

  #floorWords({ floor, items }: View): string {
    const { words } = this.#language;
    const agent = items.findLast((item) => item.kind === "agent");
    switch (floor) {
      case "waiting":
        return words.waitingForPerson;
      case "agent":
        return words.withPerson(agent?.kind === "agent" ? clean(agent.name) : "");
      case "closed":
        return words.closed;
      default:
        return words.byAssistant;
    }
  }

  /** A status that is written again with the same words would be read out again. */
  #write(element: HTMLElement, words: string): void {
    if (element.textContent !== words) element.textContent = words;
  }

  #listen(chat: KefuChat): void {
    this.window.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) {
        event.stopPropagation();
        chat.close();
      } else if (event.key === "Tab" && matchMedia(PHONE).matches) this.#keepFocus(event);
    });
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    this.window.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      set(this.window, { "data-dropping": true });
    });
    this.window.addEventListener("dragleave", (event) => {
      if (!this.window.contains(event.relatedTarget as Node | null)) set(this.window, { "data-dropping": false });
    });
    this.window.addEventListener("drop", (event) => {
      set(this.window, { "data-dropping": false });
      if (!carriesFiles(event)) return;
      event.preventDefault();
      this.composer.add(event.dataTransfer?.files ?? []);
    });
  }

  /** A window that fills the screen keeps the focus: what lies behind it cannot be seen. */
  #keepFocus(event: KeyboardEvent): void {
    const all = [...this.window.querySelectorAll<HTMLElement>("button, textarea, a[href], [tabindex='0']")];
    const reachable = all.filter((element) => element.checkVisibility());
    const [first, last] = [reachable[0], reachable.at(-1)];
    const active = (this.window.getRootNode() as ShadowRoot).activeElement;
    const [edge, other] = event.shiftKey ? [first, last] : [last, first];
    if (active !== edge) return;
    event.preventDefault();
    other?.focus();
  }
}
