/** What a browser keeps for the widget between page loads; where it may keep nothing, for the page's life. */

export interface Store {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  /** Every key that starts with `prefix`. */
  keys(prefix: string): string[];
  /** Those of them whose values end with the page. */
  fleeting(prefix: string): string[];
}

export class MemoryStore implements Store {
  readonly #values = new Map<string, string>();

  get(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  set(key: string, value: string): void {
    this.#values.set(key, value);
  }

  remove(key: string): void {
    this.#values.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }

  fleeting(prefix: string): string[] {
    return this.keys(prefix);
  }
}

/** A storage of the browser's, with what does not fit into it (a full or blocked one) held in memory. */
export class BrowserStore implements Store {
  readonly #area: Storage;
  readonly #overflow = new MemoryStore();

  constructor(area: Storage) {
    this.#area = area;
  }

  get(key: string): string | null {
    return this.#overflow.get(key) ?? this.#try(() => this.#area.getItem(key), null);
  }

  set(key: string, value: string): void {
    try {
      this.#area.setItem(key, value);
      this.#overflow.remove(key);
    } catch {
      this.#overflow.set(key, value);
    }
  }

  remove(key: string): void {
    this.#overflow.remove(key);
    this.#try(() => this.#area.removeItem(key), undefined);
  }

  keys(prefix: string): string[] {
    const kept = this.#try(() => Array.from({ length: this.#area.length }, (_, index) => this.#area.key(index)), []);
    const found = kept.filter((key): key is string => key?.startsWith(prefix) ?? false);
    return [...new Set([...found, ...this.#overflow.keys(prefix)])];
  }

  fleeting(prefix: string): string[] {
    return this.#overflow.keys(prefix);
  }

  #try<Value>(attempt: () => Value, otherwise: Value): Value {
    try {
      return attempt();
    } catch {
      return otherwise;
    }
  }
}

/**
 * What the browser keeps of this server's pages (`localStorage`) or of this tab (`sessionStorage`). Some browsers refuse
 * them by throwing at the very name, others only when they are written.
 */
export function openStore(name: "localStorage" | "sessionStorage"): Store {
  try {
    return new BrowserStore(window[name]);
  } catch {
    return new MemoryStore();
  }
}
