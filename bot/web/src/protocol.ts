/** The frames of docs/widget.md as types, and their defensive reading: what is no frame of the protocol is null. */

export type Floor = "assistant" | "waiting" | "agent" | "closed";

export interface Attachment {
  id: string;
  name: string;
  type: string;
  size: number;
}

export interface QuickReply {
  title: string;
  payload: string;
}

export interface Product {
  sku: string;
  name: string;
  price?: string;
  currency?: string;
  stock?: string;
  image?: string;
  url?: string;
  /** What it says of that which the shopper asked for: `capacity: 1 person`. */
  facts: string[];
}

export interface Source {
  passage: string;
  title: string;
  source: string;
  url?: string;
}

interface LineOf<Kind extends string> {
  id: string;
  at: Date;
  kind: Kind;
}

export interface ShopperLine extends LineOf<"shopper"> {
  message: string;
  text: string;
  shown?: string;
  files: Attachment[];
}

export interface SpokenLine extends LineOf<"assistant" | "agent"> {
  turn: string;
  name: string;
  text: string;
  /** The text without the rows that stand in `products` too. */
  lead?: string;
  buttons: QuickReply[];
  products: Product[];
  image?: string;
  sources: Source[];
}

export interface TurnLine extends LineOf<"turn"> {
  covers: string[];
}

export interface FloorLine extends LineOf<"floor"> {
  floor: Floor;
}

export interface FeedbackLine extends LineOf<"feedback"> {
  about: string;
  helpful: boolean | null;
}

/** A kind that a newer server knows: nothing to show, but the cursor passes it. */
export type OtherLine = LineOf<"other">;

export type Line = ShopperLine | SpokenLine | TurnLine | FloorLine | FeedbackLine | OtherLine;

export interface Limits {
  text: number;
  files: number;
  fileBytes: number;
  fileTypes: string[];
}

export interface Welcome {
  type: "welcome";
  shopper: string;
  conversation: string;
  resync: boolean;
  floor: Floor;
  limits: Limits;
  links: string[];
  images: string[];
}

export interface Refused {
  type: "refused";
  id: string;
  reason: string;
  message: string;
  /** Seconds; absent where sending again does not help. */
  retryAfter?: number;
}

export interface Trouble {
  type: "error";
  reason: string;
  message: string;
  /** The line of the thumb that it is about; absent where it is about no thumb. */
  about?: string;
  /** Seconds; absent where sending again does not help. */
  retryAfter?: number;
}

export type ServerFrame =
  | Welcome
  | { type: "lines"; lines: Line[] }
  | { type: "accepted"; id: string; line: string }
  | Refused
  | { type: "pong" }
  | Trouble;

/** What a shopper says: a message, or the wish for a person. */
export type SentFrame =
  | { type: "message"; id: string; text: string; shown?: string; files?: string[] }
  | { type: "human"; id: string; text?: string };

export type ClientFrame =
  | SentFrame
  | { type: "hello"; token: string; after?: string }
  | { type: "feedback"; about: string; helpful: boolean | null }
  | { type: "renew"; token: string }
  | { type: "ping" };

/** Largest frame that a server takes, in bytes. */
export const MOST_FRAME_BYTES = 16 * 1024;

export const DEFAULT_LIMITS: Limits = {
  text: 4000,
  files: 5,
  fileBytes: 5 * 1024 * 1024,
  fileTypes: ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"],
};

/** Read a frame of the server's; null when it is none of this protocol. */
export function parseFrame(data: unknown): ServerFrame | null {
  const frame = asRecord(parseJson(data));
  if (!frame) return null;
  switch (frame.type) {
    case "welcome":
      return welcome(frame);
    case "lines":
      return { type: "lines", lines: list(frame.lines).map(parseLine).filter((line) => line !== null) };
    case "accepted":
      return text(frame.id) ? { type: "accepted", id: text(frame.id), line: text(frame.line) } : null;
    case "refused":
      return {
        type: "refused",
        id: text(frame.id),
        reason: text(frame.reason),
        message: text(frame.message),
        ...optional("retryAfter", number(frame.retry_after)),
      };
    case "pong":
      return { type: "pong" };
    case "error":
      return {
        type: "error",
        reason: text(frame.reason),
        message: text(frame.message),
        ...optional("about", text(frame.about) || undefined),
        ...optional("retryAfter", number(frame.retry_after)),
      };
    default:
      return null;
  }
}

/** Read one line of a log; null where it has no id, so that no cursor could pass it. */
export function parseLine(value: unknown): Line | null {
  const line = asRecord(value);
  if (!line || !text(line.id)) return null;
  const said = new Date(text(line.at));
  const start = { id: text(line.id), at: Number.isNaN(said.getTime()) ? new Date() : said };
  switch (line.kind) {
    case "shopper":
      return {
        ...start,
        kind: "shopper",
        message: text(line.message) || start.id,
        text: text(line.text),
        files: list(line.files).map(attachment).filter((file) => file !== null),
        ...optional("shown", text(line.shown) || undefined),
      };
    case "assistant":
    case "agent":
      return {
        ...start,
        kind: line.kind,
        turn: text(line.turn),
        name: text(line.name),
        text: text(line.text),
        buttons: list(line.buttons).map(quickReply).filter((button) => button !== null),
        products: list(line.products).map(product).filter((item) => item !== null),
        sources: list(line.sources).map(source).filter((item) => item !== null),
        ...optional("lead", text(line.lead) || undefined),
        ...optional("image", text(line.image) || undefined),
      };
    case "turn":
      return { ...start, kind: "turn", covers: list(line.covers).filter((id) => typeof id === "string") };
    case "floor":
      return isFloor(line.floor) ? { ...start, kind: "floor", floor: line.floor } : { ...start, kind: "other" };
    case "feedback":
      return {
        ...start,
        kind: "feedback",
        about: text(line.about),
        helpful: typeof line.helpful === "boolean" ? line.helpful : null,
      };
    default:
      return { ...start, kind: "other" };
  }
}

function welcome(frame: Fields): Welcome {
  const limits = asRecord(frame.limits) ?? {};
  return {
    type: "welcome",
    shopper: text(frame.shopper),
    conversation: text(frame.conversation),
    resync: frame.resync === true,
    floor: isFloor(frame.floor) ? frame.floor : "assistant",
    limits: {
      text: number(limits.text) ?? DEFAULT_LIMITS.text,
      files: number(limits.files) ?? DEFAULT_LIMITS.files,
      fileBytes: number(limits.file_bytes) ?? DEFAULT_LIMITS.fileBytes,
      fileTypes: Array.isArray(limits.file_types) ? texts(limits.file_types) : DEFAULT_LIMITS.fileTypes,
    },
    links: texts(frame.links),
    images: texts(frame.images),
  };
}

function attachment(value: unknown): Attachment | null {
  const file = asRecord(value);
  if (!file || !text(file.id)) return null;
  return { id: text(file.id), name: text(file.name), type: text(file.type), size: number(file.size) ?? 0 };
}

function quickReply(value: unknown): QuickReply | null {
  const button = asRecord(value);
  if (!button || !text(button.title)) return null;
  return { title: text(button.title), payload: text(button.payload) || text(button.title) };
}

function product(value: unknown): Product | null {
  const item = asRecord(value);
  if (!item || !(text(item.name) || text(item.sku))) return null;
  const fields = ["price", "currency", "stock", "image", "url"] as const;
  return {
    sku: text(item.sku),
    name: text(item.name) || text(item.sku),
    facts: texts(item.facts),
    ...Object.fromEntries(fields.map((field) => [field, text(item[field])]).filter(([, value]) => value)),
  };
}

function source(value: unknown): Source | null {
  const cited = asRecord(value);
  if (!cited || !(text(cited.title) || text(cited.source))) return null;
  return {
    passage: text(cited.passage),
    title: text(cited.title) || text(cited.source),
    source: text(cited.source),
    ...optional("url", text(cited.url) || undefined),
  };
}

// ── Reading what nobody promised ──

type Fields = Record<string, unknown>;

function parseJson(data: unknown): unknown {
  if (typeof data !== "string") return null;
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

/** The object's fields, or null where it is no object. */
export function asRecord(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

/** A string, or a number as one writes it; else empty. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): string[] {
  return list(value).filter((item) => typeof item === "string");
}

function isFloor(value: unknown): value is Floor {
  return value === "assistant" || value === "waiting" || value === "agent" || value === "closed";
}

/** A field that is left out where there is nothing in it. */
function optional<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}
