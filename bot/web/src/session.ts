/** Who the shopper is to the server: short-lived session tokens, and the resume token that brings the next one. */

import { asRecord, number, text } from "./protocol.ts";
import type { Store } from "./storage.ts";

/** The session cannot be had now. */
export class SessionError extends Error {
  /** `later`: ask again (after `retryAfter` seconds where the server named it). `forbidden`: this page may not. */
  readonly reason: "later" | "forbidden" | "signed-out";
  readonly retryAfter: number | undefined;

  constructor(reason: "later" | "forbidden" | "signed-out", retryAfter?: number) {
    super(`no session: ${reason}`);
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

interface Grant {
  token: string;
  resume: string;
  shopper: string;
  /** When `token` ends, in milliseconds of this machine's clock. */
  endsAt: number;
  /** How long it lives, in milliseconds. */
  lifetime: number;
}

/** Whose things are kept where nobody is signed in. */
export const VISITOR = "visitor";

/** A token is renewed when so much of its life has passed. */
const RENEW_AFTER = 0.7;

export class Session {
  readonly #store: Store;
  readonly #server: string;
  readonly #userToken: string | undefined;
  readonly #key: string;
  /** `VISITOR`, or `user:<the shop's id>`: what is kept for one is not kept for the other. */
  readonly owner: string;
  #grant: Grant | undefined;
  #asking: Promise<Grant> | undefined;

  constructor(store: Store, server: string, userToken?: string) {
    this.#store = store;
    this.#server = server;
    this.#userToken = userToken;
    this.owner = userToken ? `user:${subjectOf(userToken)}` : VISITOR;
    this.#key = `kefu:resume:${server}:${this.owner}`;
  }

  /** Whether this browser has talked to this server before. */
  get known(): boolean {
    return this.#store.get(this.#key) !== null;
  }

  /** The token at hand, for an address that needs one now; empty before the first session. */
  get token(): string {
    return this.#grant?.token ?? "";
  }

  /** Milliseconds until the token should be renewed. */
  get renewIn(): number {
    if (!this.#grant) return 0;
    return Math.max(0, this.#grant.endsAt - this.#grant.lifetime * (1 - RENEW_AFTER) - Date.now());
  }

  /**
   * A token that is good for a while yet, and whose it is.
   *
   * Rejects with `SessionError`, or with what `fetch` rejects with when nobody answers.
   */
  async open(): Promise<Grant> {
    if (this.#grant && this.renewIn > 0) return this.#grant;
    return this.renew();
  }

  /** A new token, whatever the one at hand is worth. */
  async renew(): Promise<Grant> {
    this.#asking ??= alone(`kefu:session:${this.#key}`, () => this.#ask()).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** The server refused the token. */
  forget(): void {
    this.#grant = undefined;
  }

  async #ask(): Promise<Grant> {
    const resume = this.#grant?.resume ?? this.#store.get(this.#key);
    // Whom the shop vouches for now is who it is, on a page that was just loaded; later its word may be too old.
    const attempts: Record<string, string>[] = [];
    if (this.#userToken && !this.#grant) attempts.push({ user: this.#userToken });
    if (resume) attempts.push({ resume });
    if (this.#userToken && this.#grant) attempts.push({ user: this.#userToken });
    if (!this.#userToken) attempts.push({});
    for (const body of attempts) {
      const grant = await this.#post(body);
      if (grant) return this.#keep(grant);
      if ("resume" in body) this.#store.remove(this.#key);
    }
    throw new SessionError("signed-out");
  }

  /** One request; null when the server does not take these credentials. */
  async #post(body: Record<string, string>): Promise<Grant | null> {
    const response = await fetch(`${this.#server}/api/session`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.timeout(15_000),
    });
    if (response.status === 401) return null;
    if (response.status === 403) throw new SessionError("forbidden");
    const granted = response.ok ? asRecord(await response.json()) : null;
    if (!granted || !text(granted.token)) {
      throw new SessionError("later", Number(response.headers.get("Retry-After")) || undefined);
    }
    const lifetime = (number(granted.expires_in) ?? 60) * 1000;
    return {
      token: text(granted.token),
      resume: text(granted.resume),
      shopper: text(granted.shopper),
      endsAt: Date.now() + lifetime,
      lifetime,
    };
  }

  #keep(grant: Grant): Grant {
    this.#grant = grant;
    if (grant.resume) this.#store.set(this.#key, grant.resume);
    return grant;
  }
}

/** Two tabs that open at once must not become two shoppers: the second waits, and resumes what the first one got. */
async function alone<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

/** The `sub` of a JWT, unverified: it only names a place to keep things in. */
function subjectOf(token: string): string {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return text(asRecord(JSON.parse(atob(payload)))?.sub) || "unknown";
  } catch {
    return "unknown";
  }
}
