/** Where the shopper writes: the text, the files that go with it, and the button that sends both. */

import type { Surroundings } from "./bubbles.ts";
import { button, el, icon, set } from "./dom.ts";
import type { Attachment } from "./protocol.ts";
import { clean } from "./safe.ts";
import type { Store } from "./storage.ts";
import type { Hitch } from "./uploads.ts";
import { objection, upload, uploadAgain, UploadError } from "./uploads.ts";
import { size } from "./words.ts";

const TALLEST = 140; // pixels; a longer text scrolls
const TELL_LEFT = 200; // characters before the limit at which the rest is counted
const TOLD_MS = 6_000;

interface Enclosure {
  name: string;
  element: HTMLElement;
  progress: HTMLElement;
  cancel: AbortController;
  uploaded?: Attachment;
}

export class Composer {
  readonly element: HTMLElement;
  readonly #around: Surroundings;
  readonly #send: (text: string, files: Attachment[]) => void;
  readonly #tab: Store;
  readonly #draftKey: string;
  readonly #text: HTMLTextAreaElement;
  readonly #button: HTMLButtonElement;
  readonly #files = el("ul", { class: "enclosures", part: "attachments", role: "list", hidden: true });
  readonly #told = el("div", { class: "told", part: "trouble", role: "alert" });
  readonly #left = el("div", { class: "left", part: "counter", role: "status", hidden: true });
  readonly #picker: HTMLInputElement;
  #enclosures: Enclosure[] = [];
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** `tab` keeps what is written and not sent, so that the shop's next page has it. */
  constructor(around: Surroundings, tab: Store, send: (text: string, files: Attachment[]) => void) {
    const { words } = around.language;
    this.#around = around;
    this.#send = send;
    this.#tab = tab;
    this.#draftKey = `kefu:draft:${around.conversation.server}`;
    set(this.#files, { "aria-label": words.files });
    this.#text = el("textarea", {
      part: "input",
      rows: 1,
      dir: "auto",
      "aria-label": words.write,
      placeholder: words.writePlaceholder,
      autocomplete: "off",
      enterkeyhint: "send",
    });
    this.#picker = el("input", { type: "file", multiple: true, hidden: true, part: "file-input", tabindex: -1, "aria-label": words.attach });
    const attach = button({ class: "round", part: "attach", "aria-label": words.attach, title: words.attach }, () => this.#pick(), icon("attach"));
    this.#button = el("button", { type: "submit", class: "round send", part: "send", "aria-label": words.send, title: words.send }, icon("send"));
    const form = el("form", { class: "composer", part: "composer" }, attach, this.#text, this.#button);
    this.element = el("div", { class: "bottom" }, this.#told, this.#files, form, this.#left, this.#picker);
    this.#text.value = tab.get(this.#draftKey) ?? "";
    this.#listen(form);
    this.#changed();
  }

  focus(): void {
    this.#text.focus({ preventScroll: true });
  }

  /** Add files that were picked, pasted or dropped. */
  add(files: Iterable<File>): void {
    const { conversation, language } = this.#around;
    for (const file of files) {
      const name = clean(file.name);
      if (this.#enclosures.length >= conversation.limits.files) {
        this.#tell(language.words.file.tooMany(conversation.limits.files));
        break;
      }
      const against = objection(file, conversation.limits);
      if (against) this.#tell(this.#objectionWords(against, name));
      else this.#enclose(file, name);
    }
  }

  #listen(form: HTMLFormElement): void {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => {
      // Enter also ends the choice of a Chinese character; 229 is how Safari says so.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("paste", (event) => {
      const files = event.clipboardData?.files;
      if (!files?.length) return;
      event.preventDefault();
      this.add(files);
    });
    this.#picker.addEventListener("change", () => {
      this.add(this.#picker.files ?? []);
      this.#picker.value = "";
      this.focus();
    });
  }

  #pick(): void {
    this.#picker.accept = this.#around.conversation.limits.fileTypes.join(",");
    this.#picker.click();
  }

  get #ready(): boolean {
    const text = this.#text.value.trim();
    const uploaded = this.#enclosures.every((enclosure) => enclosure.uploaded);
    return (text !== "" || this.#enclosures.length > 0) && uploaded && this.#rest >= 0;
  }

  /** Characters that still fit, counted as the server does. */
  get #rest(): number {
    return this.#around.conversation.limits.text - [...this.#text.value].length;
  }

  #submit(): void {
    if (!this.#ready) return;
    const files = this.#enclosures.map((enclosure) => enclosure.uploaded).filter((file) => file !== undefined);
    const text = this.#text.value.trim();
    this.#text.value = "";
    this.#told.textContent = "";
    this.#enclosures = [];
    this.#files.replaceChildren();
    this.#changed();
    this.#send(text, files);
  }

  #changed(): void {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(TALLEST, this.#text.scrollHeight)}px`;
    this.#files.hidden = this.#enclosures.length === 0;
    if (this.#text.value) this.#tab.set(this.#draftKey, this.#text.value);
    else this.#tab.remove(this.#draftKey);
    const rest = this.#rest;
    this.#left.hidden = rest > TELL_LEFT;
    if (!this.#left.hidden) this.#left.textContent = this.#around.language.words.left(rest);
    set(this.#left, { "data-over": rest < 0 });
    // Not `disabled`: a button that loses the focus while it is being used throws keyboard users out.
    set(this.#button, { "aria-disabled": String(!this.#ready) });
  }

  #enclose(file: File, name: string): void {
    const { language } = this.#around;
    const enclosure: Enclosure = {
      name,
      cancel: new AbortController(),
      progress: el("span", { class: "faint" }, language.words.uploading(0)),
      element: el("li", { class: "enclosure", part: "attachment" }),
    };
    const label = language.words.remove(name);
    enclosure.element.append(
      el("span", { class: "thumbnail" }, icon("file")),
      el("span", { class: "enclosure-name" }, el("span", { class: "file-name" }, name), enclosure.progress),
      button({ class: "round small", part: "remove", "aria-label": label, title: label }, () => this.#remove(enclosure), icon("cross")),
    );
    this.#enclosures.push(enclosure);
    this.#files.append(enclosure.element);
    this.#changed();
    void this.#upload(enclosure, file);
  }

  /** Send the file, and again for as long as that may help. */
  async #upload(enclosure: Enclosure, file: File): Promise<void> {
    const { conversation, language } = this.#around;
    const { signal } = enclosure.cancel;
    const progress = (share: number) => {
      enclosure.element.style.setProperty("--share", String(share));
      enclosure.progress.textContent = language.words.uploading(Math.round(share * 100));
    };
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        enclosure.uploaded = await upload(conversation.server, conversation.session, file, progress, signal);
        this.#show(enclosure, enclosure.uploaded);
        return this.#changed();
      } catch (error) {
        if (signal.aborted) return;
        const hitch = error instanceof UploadError ? error : new UploadError("failed");
        const pause = uploadAgain(hitch, attempt);
        if (pause === null) return this.#giveUp(enclosure, hitch.reason);
        enclosure.progress.textContent = hitch.reason === "offline" ? language.words.queued : language.words.file.later;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #giveUp(enclosure: Enclosure, reason: Hitch): void {
    this.#drop(enclosure);
    this.#tell(this.#objectionWords(reason, enclosure.name));
  }

  #show(enclosure: Enclosure, file: Attachment): void {
    const { conversation, language } = this.#around;
    set(enclosure.element, { "data-ready": true });
    enclosure.progress.textContent = size(file.size, language.locale);
    if (!file.type.startsWith("image/")) return;
    const preview = el("img", { src: conversation.fileAddress(file.id), alt: "" });
    enclosure.element.querySelector(".thumbnail")?.replaceChildren(preview);
  }

  #remove(enclosure: Enclosure): void {
    this.#drop(enclosure);
    this.focus();
  }

  #drop(enclosure: Enclosure): void {
    enclosure.cancel.abort();
    this.#enclosures = this.#enclosures.filter((other) => other !== enclosure);
    enclosure.element.remove();
    this.#changed();
  }

  #objectionWords(reason: Hitch, name: string): string {
    const { conversation, language } = this.#around;
    const { file } = language.words;
    if (reason === "tooBig") return file.tooBig(name, size(conversation.limits.fileBytes, language.locale));
    return reason === "wrongType" || reason === "empty" ? file[reason](name) : file.failed(name);
  }

  #tell(words: string): void {
    clearTimeout(this.#silence);
    this.#told.textContent = words;
    this.#silence = setTimeout(() => (this.#told.textContent = ""), TOLD_MS);
  }
}
