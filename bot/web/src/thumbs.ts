/** Thumbs that no line of the log has shown yet, kept over reloads so that one pressed offline is sent too. */

import { asRecord, number } from "./protocol.ts";
import type { Store } from "./storage.ts";

const KEPT_MS = 24 * 60 * 60 * 1000; // one that changed nothing brings no line, and would stay for ever

export class Thumbs {
  readonly #store: Store;
  readonly #prefix: string;

  constructor(store: Store, server: string, owner: string) {
    this.#store = store;
    this.#prefix = `kefu:thumb:${server}:${owner}:`;
  }

  /** The thumb on a line; null takes one back. */
  set(about: string, helpful: boolean | null): void {
    this.#store.set(this.#prefix + about, JSON.stringify({ helpful, at: Date.now() }));
  }

  /** The log has it, or never will. */
  settle(about: string): void {
    this.#store.remove(this.#prefix + about);
  }

  clear(): void {
    for (const about of this.all().keys()) this.settle(about);
  }

  /** By the line that each is about. */
  all(): Map<string, boolean | null> {
    const thumbs = new Map<string, boolean | null>();
    for (const key of this.#store.keys(this.#prefix)) {
      const about = key.slice(this.#prefix.length);
      const helpful = read(this.#store.get(key));
      if (helpful === undefined) this.settle(about);
      else thumbs.set(about, helpful);
    }
    return thumbs;
  }
}

function read(record: string | null): boolean | null | undefined {
  try {
    const thumb = asRecord(JSON.parse(record ?? ""));
    if (!thumb || Date.now() - (number(thumb.at) ?? 0) > KEPT_MS) return undefined;
    return typeof thumb.helpful === "boolean" ? thumb.helpful : null;
  } catch {
    return undefined;
  }
}
