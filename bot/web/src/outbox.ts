/**
 * The messages that no server has accepted yet, kept until one does: over reloads, offline hours and between tabs.
 *
 * Each message is a record of its own, so two tabs never write the same one. Any tab may send any of them: the id makes
 * that harmless, and a message whose tab was closed goes out with the next one.
 */

import type { Attachment, SentFrame } from "./protocol.ts";
import { asRecord } from "./protocol.ts";
import type { Store } from "./storage.ts";

export interface Pending {
  frame: SentFrame;
  /** When it was written, in milliseconds, and later than what was written before it: what sorts the messages. */
  at: number;
  /** For the shopper's own line while it waits. */
  files: Attachment[];
  /** Why the server will never take it as it is; absent while it waits. */
  refused?: string;
}

/** What was not sent for so long is not sent unasked: its question may have been answered, or its writer gone. */
const FRESH_MS = 24 * 60 * 60 * 1000;

export class Outbox {
  readonly #store: Store;
  readonly #prefix: string;

  /** `owner` keeps apart what different shoppers of one browser wrote: `visitor`, or `user:<id>`. */
  constructor(store: Store, server: string, owner: string) {
    this.#store = store;
    this.#prefix = `kefu:out:${server}:${owner}:`;
  }

  /** Whether a key of the browser's store is one of these messages. */
  owns(key: string | null): boolean {
    return key?.startsWith(this.#prefix) ?? false;
  }

  /** Keep a message until it is `settle`d. */
  add(frame: SentFrame, files: Attachment[] = []): Pending {
    const pending: Pending = { frame, at: this.#now(), files };
    this.#write(pending);
    return pending;
  }

  /** All that is not accepted, in the order in which it was written. */
  all(): Pending[] {
    return this.#store
      .keys(this.#prefix)
      .map((key) => read(this.#store.get(key)))
      .filter((pending) => pending !== null)
      .map((pending) => (Date.now() - pending.at > FRESH_MS ? { refused: "old", ...pending } : pending))
      .sort((one, other) => one.at - other.at);
  }

  /** Whether a message that waits ends with the page: the browser keeps nothing, or nothing more. */
  get fleeting(): boolean {
    const keys = this.#store.fleeting(this.#prefix);
    return keys.some((key) => read(this.#store.get(key))?.refused === undefined);
  }

  /** The message to send now: the oldest that was not refused. */
  next(): Pending | undefined {
    return this.all().find((pending) => pending.refused === undefined);
  }

  /** A server has it (or the shopper gave it up): forget it. */
  settle(id: string): void {
    this.#store.remove(this.#prefix + id);
  }

  /** No server will take it: it stays, with the reason, until the shopper sends it again or gives it up. */
  refuse(id: string, reason: string): void {
    const pending = this.find(id);
    if (pending) this.#write({ ...pending, refused: reason });
  }

  /** The shopper wants a refused message to be tried once more; nothing of it was kept, so its id stays. */
  retry(id: string): void {
    const pending = this.find(id);
    if (!pending) return;
    const { refused: _, ...waiting } = pending;
    this.#write({ ...waiting, at: this.#now() });
  }

  /** Take over what waits in another outbox, to be sent when the shopper says so. */
  adopt(other: Outbox, reason: string): void {
    for (const { frame, refused, ...kept } of other.all()) {
      if (refused !== undefined) continue;
      this.#write({ ...kept, frame, refused: reason });
      other.refuse(frame.id, reason); // Another tab must not take its end for an acceptance.
      other.settle(frame.id);
    }
  }

  /** The time, but never before that of a message which is there: a clock may be set back. */
  #now(): number {
    return Math.max(Date.now(), (this.all().at(-1)?.at ?? 0) + 1);
  }

  /** The message with this id, while no server has it. */
  find(id: string): Pending | null {
    return read(this.#store.get(this.#prefix + id));
  }

  #write(pending: Pending): void {
    this.#store.set(this.#prefix + pending.frame.id, JSON.stringify(pending));
  }
}

/** A kept message; null where it is none. */
export function read(record: string | null): Pending | null {
  if (record === null) return null;
  try {
    const value = asRecord(JSON.parse(record));
    const frame = asRecord(value?.frame);
    return frame && typeof frame.id === "string" ? (value as unknown as Pending) : null;
  } catch {
    return null;
  }
}

/** An id that no other message has. `randomUUID` is missing on pages without TLS. */
export function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
