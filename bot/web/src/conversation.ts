/** One shopper's conversation as the window sees it: what was said, what waits, and everything that can be done. */

import type { Status } from "./connection.ts";
import { Connection } from "./connection.ts";
import type { Pending } from "./outbox.ts";
import { newId, Outbox, read } from "./outbox.ts";
import type { Attachment, Limits, Line, Refused, SentFrame, ServerFrame, Trouble, Welcome } from "./protocol.ts";
import { DEFAULT_LIMITS, MOST_FRAME_BYTES } from "./protocol.ts";
import type { Allowed } from "./safe.ts";
import { Session, VISITOR } from "./session.ts";
import type { Store } from "./storage.ts";
import { Thumbs } from "./thumbs.ts";
import type { Transcript, View } from "./transcript.ts";
import { append, EMPTY, isAfter, unread, view } from "./transcript.ts";

export interface Watcher {
  /** Anything that is shown may have changed. */
  onChange(): void;
  /** A line came that was not here before. */
  onLine(line: Line): void;
}

const ANSWER_MS = 20_000; // an accept that takes longer was lost with its socket
const OTHER_TAB_MS = 1_000; // the tab that wrote a message sends it; then any other may, for it may be closed
const HISTORY_MS = 400; // what comes so soon after the welcome to a new page was said before

export class Conversation {
  readonly session: Session;
  readonly server: string;
  status: Status = "connecting";
  limits: Limits = DEFAULT_LIMITS;
  allowed: Allowed;
  /** Why the oldest message has to wait although the line stands: `rate`, `overloaded`, …; empty when it has not. */
  held = "";

  readonly #store: Store;
  readonly #watcher: Watcher;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #seenKey: string;
  readonly #thumbs: Thumbs;
  /** Messages that a server has, and whose lines have not come yet: they stay on the screen meanwhile. */
  readonly #accepted = new Map<string, Pending>();
  readonly #end = new AbortController();
  #transcript: Transcript = EMPTY;
  #inFlight: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #thumbTimer: ReturnType<typeof setTimeout> | undefined;
  #otherTab: ReturnType<typeof setTimeout> | undefined;
  #historyUntil = 0;

  constructor(store: Store, server: string, userToken: string | undefined, watcher: Watcher) {
    this.server = server;
    this.allowed = { server, links: [], images: [] };
    this.session = new Session(store, server, userToken);
    this.#store = store;
    this.#watcher = watcher;
    this.#outbox = new Outbox(store, server, this.session.owner);
    this.#thumbs = new Thumbs(store, server, this.session.owner);
    // Who signs in sees what did not go out before, and says whether it still should.
    if (userToken) this.#outbox.adopt(new Outbox(store, server, VISITOR), "signed_in");
    this.#seenKey = `kefu:seen:${server}:${this.session.owner}`;
    this.#connection = new Connection(this.session, server, {
      onStatus: (status) => this.#onStatus(status),
      onFrame: (frame) => this.#onFrame(frame),
      cursor: () => this.#transcript.cursor,
      onOtherShopper: () => this.#forget(),
    });
    const { signal } = this.#end;
    window.addEventListener("storage", (event) => this.#onStorage(event), { signal });
    // The browser asks whether to leave the page: what waits would be gone.
    window.addEventListener("beforeunload", (event) => this.#outbox.fleeting && event.preventDefault(), { signal });
  }

  /** Whether there is anything to connect for before the shopper opens the window. */
  get begun(): boolean {
    return this.session.known || this.#outbox.all().length > 0;
  }

  get view(): View {
    const shown = view(this.#transcript, this.#outbox.all(), [...this.#accepted.values()]);
    const thumbs = this.#thumbs.all();
    for (const item of shown.items) {
      if ((item.kind === "assistant" || item.kind === "agent") && thumbs.has(item.last)) {
        item.helpful = thumbs.get(item.last) ?? null;
      }
    }
    return shown;
  }

  get unread(): number {
    return unread(this.#transcript, this.#store.get(this.#seenKey));
  }

  /** Lines that come now were said before this page was loaded. */
  get isHistory(): boolean {
    return performance.now() < this.#historyUntil;
  }

  start(): void {
    this.#connection.start();
  }

  close(): void {
    this.#end.abort();
    for (const timer of [this.#timer, this.#thumbTimer, this.#otherTab]) clearTimeout(timer);
    this.#connection.close();
  }

  /** Everything so far was looked at. */
  markSeen(): void {
    const { cursor } = this.#transcript;
    if (cursor && this.#store.get(this.#seenKey) !== cursor) this.#store.set(this.#seenKey, cursor);
  }

  /** Say something; `shown` is what the shopper sees where `text` is a quick reply's payload. */
  say(text: string, shown?: string, files: Attachment[] = []): void {
    this.#post(
      {
        type: "message",
        id: newId(),
        text,
        ...(shown && shown !== text ? { shown } : {}),
        ...(files.length > 0 ? { files: files.map((file) => file.id) } : {}),
      },
      files,
    );
  }

  /** Whether "talk to a person" was pressed and does not stand in the log yet. */
  get asksForPerson(): boolean {
    const unheard = [...this.#accepted.values(), ...this.#outbox.all()];
    return unheard.some(({ frame, refused }) => frame.type === "human" && refused === undefined);
  }

  askForPerson(text: string): void {
    if (this.asksForPerson) return;
    this.#post({ type: "human", id: newId(), text });
  }

  /** Send a refused message once more. */
  retry(id: string): void {
    this.#outbox.retry(id);
    this.#proceed();
  }

  /** Forget a message that no server took. */
  discard(id: string): void {
    this.#outbox.settle(id);
    this.#watcher.onChange();
  }

  /** A thumb; null takes it back. */
  judge(line: string, helpful: boolean | null): void {
    this.#thumbs.set(line, helpful);
    this.#connection.send({ type: "feedback", about: line, helpful });
    this.#watcher.onChange();
  }

  /** Where a file of this shopper's can be fetched, for as long as the session's token lives. */
  fileAddress(id: string): string {
    return `${this.server}/api/files/${encodeURIComponent(id)}?token=${encodeURIComponent(this.session.token)}`;
  }

  #post(frame: SentFrame, files: Attachment[] = []): void {
    const pending = this.#outbox.add(frame, files);
    const bytes = new TextEncoder().encode(JSON.stringify(frame)).length;
    if (bytes > MOST_FRAME_BYTES) this.#outbox.refuse(pending.frame.id, "bad_message");
    this.start();
    this.#proceed();
  }

  /** Send the oldest message that waits. One at a time: a refused one must not be overtaken by the next. */
  #proceed(): void {
    if (this.status === "online" && this.#inFlight === undefined && !this.held) {
      const next = this.#outbox.next();
      if (next && this.#connection.send(next.frame)) {
        this.#inFlight = next.frame.id;
        this.#wait(ANSWER_MS);
      }
    }
    this.#watcher.onChange();
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), milliseconds);
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#inFlight = undefined;
    this.held = "";
    this.#proceed();
  }

  #onStatus(status: Status): void {
    this.status = status;
    if (status === "online") this.#sendThumbs();
    this.#release();
  }

  #sendThumbs(): void {
    for (const [about, helpful] of this.#thumbs.all()) this.#connection.send({ type: "feedback", about, helpful });
  }

  #onFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame);
      case "lines":
        return this.#onLines(frame.lines);
      case "accepted":
        this.#onAccepted(frame.id, frame.line);
        return this.#inFlight === frame.id ? this.#release() : this.#watcher.onChange();
      case "refused":
        return this.#onRefused(frame);
      case "error":
        return this.#onTrouble(frame);
      case "pong":
        return;
    }
  }

  #onWelcome(welcome: Welcome): void {
    if (welcome.resync) this.#forget();
    if (this.#transcript.cursor === null) this.#historyUntil = performance.now() + HISTORY_MS;
    this.limits = welcome.limits;
    this.allowed = { server: this.server, links: welcome.links, images: welcome.images };
    this.#transcript = { ...this.#transcript, floor: welcome.floor };
  }

  #onAccepted(id: string, line: string): void {
    const pending = this.#outbox.find(id);
    this.#outbox.settle(id);
    const { cursor } = this.#transcript;
    // One that was accepted long ago has its line above: it does not come again.
    if (pending && (cursor === null || isAfter(line, cursor))) this.#accepted.set(id, pending);
  }

  #onTrouble({ reason, about, retryAfter }: Trouble): void {
    if (about !== undefined && retryAfter === undefined) this.#thumbs.settle(about);
    else if (reason !== "bad_frame") {
      // A thumb has to wait; what is in flight has its own answer.
      clearTimeout(this.#thumbTimer);
      this.#thumbTimer = setTimeout(() => this.#sendThumbs(), Math.max(1, retryAfter ?? 5) * 1000);
    } else if (this.#inFlight !== undefined) {
      // Frames are answered in order, so this is about the message.
      this.#outbox.refuse(this.#inFlight, "bad_message");
      return this.#release();
    }
    this.#watcher.onChange();
  }

  /** Another tab wrote something, or a server took what this one shows as waiting. */
  #onStorage({ key, oldValue, newValue }: StorageEvent): void {
    if (!this.#outbox.owns(key)) return;
    const before = read(oldValue);
    // A refused one was discarded.
    if (before && newValue === null && before.refused === undefined) this.#accepted.set(before.frame.id, before);
    clearTimeout(this.#otherTab);
    this.#otherTab = setTimeout(() => this.#proceed(), OTHER_TAB_MS);
    this.#watcher.onChange();
  }

  #onLines(lines: Line[]): void {
    const before = this.#transcript;
    this.#transcript = append(before, lines);
    for (const line of this.#transcript.lines.slice(before.lines.length)) {
      if (line.kind === "feedback") this.#thumbs.settle(line.about);
      if (line.kind === "shopper") {
        this.#outbox.settle(line.message);
        this.#accepted.delete(line.message);
      }
      this.#watcher.onLine(line);
    }
    this.#watcher.onChange();
  }

  #onRefused({ id, reason, retryAfter }: Refused): void {
    if (retryAfter === undefined) {
      this.#outbox.refuse(id, reason);
      return this.#release();
    }
    this.#inFlight = undefined;
    this.held = reason || "overloaded";
    this.#wait(Math.max(0.2, retryAfter) * 1000);
    this.#watcher.onChange();
  }

  #forget(): void {
    this.#transcript = EMPTY;
    this.#thumbs.clear();
    this.#accepted.clear();
    this.#watcher.onChange();
  }
}
