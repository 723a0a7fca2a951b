/** One socket that stays up: it resumes after the last line, over sleep, lost networks and servers that restart. */

import type { ClientFrame, ServerFrame } from "./protocol.ts";
import { parseFrame } from "./protocol.ts";
import type { Session } from "./session.ts";
import { SessionError } from "./session.ts";

export type Status = "connecting" | "online" | "offline" | "forbidden" | "signed-out";

export interface Listener {
  /** What the window says about the line to the server. */
  onStatus(status: Status): void;
  /** A frame; `welcome` first on every socket. */
  onFrame(frame: ServerFrame): void;
  /** The last line there is, to go on after; null when there is none. */
  cursor(): string | null;
  /** Another shopper than before: what is shown is not theirs. */
  onOtherShopper(): void;
}

const PING_MS = 25_000; // at least every 60 s; a throttled background tab still keeps it
const PONG_MS = 15_000; // no answer for so long: the network went without a word, and the server is not only busy
const AWAKE_PONG_MS = 5_000; // after sleep or a change of networks that is likely, and somebody is looking
const WELCOME_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const RESTART_SPREAD_MS = 3_000; // all clients of a restarted server must not come back in the same moment
const MISTAKE_PAUSE_MS = 30_000; // what this client did wrong once, it may do again

const TOO_BIG = 1009;
const SERVER_RESTARTS = 1012;
const CLIENT_MISTAKE = 4400;
const TOKEN_REFUSED = 4401;
const PUSHED_OUT = 4429; // too many pages of this shopper are open, and this was the first of them

export class Connection {
  readonly #session: Session;
  readonly #address: string;
  readonly #listener: Listener;
  readonly #stop = new AbortController();
  #socket: WebSocket | undefined;
  #greeted = false;
  #shopper: string | undefined;
  #failures = 0;
  #refusals = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #pings: ReturnType<typeof setInterval> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #started = false;

  constructor(session: Session, server: string, listener: Listener) {
    this.#session = session;
    this.#address = `${server.replace(/^http/, "ws")}/ws`;
    this.#listener = listener;
  }

  /** Connect and stay connected until `close`. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    const { signal } = this.#stop;
    const awake = () => this.#wake();
    for (const event of ["online", "offline", "pageshow"]) window.addEventListener(event, awake, { signal });
    document.addEventListener("visibilitychange", awake, { signal });
    void this.#connect();
  }

  /** Send now; false when there is no socket to send on. */
  send(frame: ClientFrame): boolean {
    if (!this.#greeted || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  close(): void {
    this.#stop.abort();
    this.#rest();
    this.#drop();
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#stop.signal.aborted || this.#socket) return;
    if (this.#failures === 0) this.#listener.onStatus("connecting");
    try {
      const { token, shopper } = await this.#session.open();
      if (this.#stop.signal.aborted || this.#socket) return;
      if (this.#shopper !== undefined && this.#shopper !== shopper) this.#listener.onOtherShopper();
      this.#shopper = shopper;
      this.#dial(token);
    } catch (error) {
      this.#failed(error);
    }
  }

  #dial(token: string): void {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#greeted = false;
    this.#expect(WELCOME_MS);
    socket.onopen = () => {
      const after = this.#listener.cursor();
      const hello: ClientFrame = { type: "hello", token, ...(after ? { after } : {}) };
      socket.send(JSON.stringify(hello));
    };
    socket.onmessage = ({ data }) => {
      const frame = parseFrame(data);
      if (frame && socket === this.#socket) this.#receive(frame);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    };
  }

  #receive(frame: ServerFrame): void {
    this.#expectNothing();
    if (frame.type === "welcome") this.#welcomed();
    this.#listener.onFrame(frame);
    if (frame.type === "welcome") this.#listener.onStatus("online");
  }

  #welcomed(): void {
    this.#greeted = true;
    this.#failures = 0;
    this.#refusals = 0;
    this.#pings = setInterval(() => this.#ping(PONG_MS), PING_MS);
    this.#renewLater();
  }

  #ping(patience: number): void {
    if (this.send({ type: "ping" })) this.#expect(patience);
  }

  /** Give the socket up unless something comes in time. */
  #expect(milliseconds: number): void {
    this.#deadline ??= setTimeout(() => {
      this.#drop();
      this.#lost(1006);
    }, milliseconds);
  }

  #expectNothing(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  #renewLater(): void {
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => void this.#renew(), Math.max(1_000, this.#session.renewIn));
  }

  async #renew(): Promise<void> {
    try {
      const { token } = await this.#session.renew();
      this.send({ type: "renew", token });
    } catch {
      // The token at hand may outlive the trouble; when it does not, the server closes with 4401.
    }
    if (this.#greeted) this.#renewLater();
  }

  #lost(code: number): void {
    this.#rest();
    this.#socket = undefined;
    this.#greeted = false;
    if (this.#stop.signal.aborted) return;
    if (code === TOKEN_REFUSED) {
      this.#session.forget();
      this.#refusals += 1;
      // A fresh token that is refused as well is no reason to ask for the next one at once.
      if (this.#refusals === 1) return void this.#connect();
    }
    if (code === SERVER_RESTARTS && this.#failures === 0) {
      this.#failures += 1;
      return this.#again(Math.random() * RESTART_SPREAD_MS, "connecting");
    }
    if (code === CLIENT_MISTAKE || code === TOO_BIG) {
      console.error(`Kefu: the server closed the socket with ${code}.`);
      return this.#again(MISTAKE_PAUSE_MS, "offline");
    }
    // Coming straight back would push out the next page; looking at this one does it at once.
    if (code === PUSHED_OUT) return this.#again(LONGEST_PAUSE_MS, "offline");
    this.#failures += 1;
    this.#again(pause(this.#failures), this.#failures > 1 ? "offline" : "connecting");
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const pauses = pause(this.#failures);
    if (!(error instanceof SessionError)) return this.#again(pauses, "offline");
    if (error.reason === "later") return this.#again(Math.max(pauses, (error.retryAfter ?? 0) * 1000), "offline");
    console.error(
      error.reason === "forbidden"
        ? `Kefu: ${location.origin} does not stand in KEFU_ORIGINS of ${this.#address}.`
        : "Kefu: the token in data-user-token is not valid (any more).",
    );
    this.#again(LONGEST_PAUSE_MS, error.reason);
  }

  #again(milliseconds: number, status: Status): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), milliseconds);
    this.#listener.onStatus(status);
  }

  /** The page is looked at again, or the network changed: see at once whether the line still stands. */
  #wake(): void {
    if (!this.#started || this.#stop.signal.aborted || document.visibilityState === "hidden") return;
    if (this.#greeted) this.#ping(AWAKE_PONG_MS);
    else if (this.#retry !== undefined) void this.#connect();
  }

  #rest(): void {
    this.#expectNothing();
    clearTimeout(this.#retry);
    clearTimeout(this.#renewal);
    clearInterval(this.#pings);
    this.#retry = undefined;
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#greeted = false;
    socket?.close(1000);
  }
}

/** Growing pauses, half of them random: 0.5 s, 1 s, 2 s … 30 s. */
export function pause(failures: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return longest / 2 + (random() * longest) / 2;
}
