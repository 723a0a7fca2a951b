/** As much of a browser as a conversation needs, with a server in the test's hand. */

import { mock } from "node:test";
import { Conversation } from "../src/conversation.ts";
import { MemoryStore } from "../src/storage.ts";

export const SERVER = "http://chat.example";

type Frame = Record<string, unknown> & { type: string };

/** A socket whose other end is the test. */
export class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readonly frames: Frame[] = [];
  readyState = 1;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;

  constructor(readonly address: string) {
    Socket.all.push(this);
    queueMicrotask(() => this.onopen?.());
  }

  send(data: string): void {
    this.frames.push(JSON.parse(data) as Frame);
  }

  close(): void {
    this.readyState = 3;
  }

  /** What the server says. */
  says(frame: Frame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The server goes. */
  ends(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  sent(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }
}

/** What was posted to `/api/session`, and what is answered: a status, or a network that is gone. */
export const session = { posted: [] as string[], status: 200, offline: false };

const page = Object.assign(new EventTarget(), { localStorage: undefined });
const document = Object.assign(new EventTarget(), { visibilityState: "visible" });

Object.assign(globalThis, { window: page, document, WebSocket: Socket, location: { origin: SERVER } });
Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true }); // without locks, as on pages without TLS
globalThis.fetch = async (_, init) => {
  session.posted.push(String(init?.body));
  if (session.offline) throw new TypeError("Failed to fetch");
  const body = { token: `t${session.posted.length}`, resume: `r${session.posted.length}`, expires_in: 900, shopper: "visitor-1" };
  return new Response(JSON.stringify(session.status === 200 ? body : {}), { status: session.status });
};

/** Let promises settle, and `milliseconds` of the mocked clock pass. */
export async function pass(milliseconds = 0): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  if (milliseconds) mock.timers.tick(milliseconds);
  await new Promise((resolve) => setImmediate(resolve));
}

const loaded: Conversation[] = [];

/** A page that has just been loaded. */
export function load(store = new MemoryStore(), userToken?: string): { conversation: Conversation; store: MemoryStore } {
  const conversation = new Conversation(store, SERVER, userToken, { onChange: () => undefined, onLine: () => undefined });
  conversation.start();
  loaded.push(conversation);
  return { conversation, store };
}

export function reset(): void {
  for (const conversation of loaded.splice(0)) conversation.close();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_770_000_000_000 });
  Socket.all = [];
  Object.assign(session, { posted: [], status: 200, offline: false });
}

/** The newest socket, welcomed. */
export async function welcomed(fields: object = {}): Promise<Socket> {
  await pass();
  const socket = Socket.all.at(-1);
  if (!socket) throw new Error("there is no socket");
  socket.says({ type: "welcome", shopper: "visitor-1", conversation: "web:visitor-1", resync: false, ...fields });
  return socket;
}
