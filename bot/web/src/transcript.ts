/** Lines of the log in, what the window shows out: a pure reducer and its view. */

import type { Pending } from "./outbox.ts";
import type { Attachment, Floor, Line, Product, QuickReply, ShopperLine, Source, SpokenLine } from "./protocol.ts";

export interface Transcript {
  /** What was said and who took the floor, oldest first, each once. */
  readonly lines: readonly Line[];
  readonly known: ReadonlySet<string>;
  /** Ids of the messages that a turn has answered. */
  readonly covered: ReadonlySet<string>;
  /** The shopper's last word on a line, by its id. */
  readonly thumbs: ReadonlyMap<string, boolean>;
  readonly floor: Floor;
  /** The last line's id: what a new socket goes on after. */
  readonly cursor: string | null;
}

export const EMPTY: Transcript = {
  lines: [],
  known: new Set(),
  covered: new Set(),
  thumbs: new Map(),
  floor: "assistant",
  cursor: null,
};

/** The transcript with more lines of the log; a line that is there already changes nothing. */
export function append(transcript: Transcript, lines: readonly Line[]): Transcript {
  const known = new Set(transcript.known);
  const fresh = lines.filter(({ id }) => !known.has(id) && known.add(id));
  if (fresh.length === 0) return transcript;
  const covered = new Set(transcript.covered);
  const thumbs = new Map(transcript.thumbs);
  let floor = transcript.floor;
  for (const line of fresh) {
    if (line.kind === "turn") line.covers.forEach((id) => covered.add(id));
    if (line.kind === "floor") floor = line.floor;
    if (line.kind === "feedback") {
      if (line.helpful === null) thumbs.delete(line.about);
      else thumbs.set(line.about, line.helpful);
    }
  }
  return {
    lines: [...transcript.lines, ...fresh],
    known,
    covered,
    thumbs,
    floor,
    cursor: fresh.at(-1)?.id ?? transcript.cursor,
  };
}

/** Whether the line `id` stands below the line `other` in the log: their ids are a time and a count, `1795312345678-0`. */
export function isAfter(id: string, other: string): boolean {
  const [[time = 0, count = 0], [otherTime = 0, otherCount = 0]] = [id, other].map((each) => each.split("-").map(Number)) as [
    number[],
    number[],
  ];
  return time === otherTime ? count > otherCount : time > otherTime;
}

// ── What is shown ──

export interface ShopperItem {
  kind: "shopper";
  /** The message's id: the same before and after the server has it. */
  key: string;
  at: Date;
  text: string;
  files: Attachment[];
  state: "sent" | "waiting" | "refused";
  reason?: string;
}

export interface Sentence {
  text: string;
  /** Begins a paragraph: what stood before it was a whole, with buttons or products of its own. */
  apart: boolean;
}

export interface SpokenItem {
  kind: "assistant" | "agent";
  /** The first line's id. */
  key: string;
  turn: string;
  at: Date;
  name: string;
  /** One a log line; they stand in one bubble. */
  texts: Sentence[];
  products: Product[];
  /** The texts leave out what the products say: whoever cannot see the cards has to be told them. */
  listed: boolean;
  images: string[];
  sources: Source[];
  /** Its last line came with something: what follows is a paragraph of its own. */
  whole: boolean;
  /** The line that a thumb is about. */
  last: string;
  /** Nothing more comes into this bubble, so it may be judged. */
  ended: boolean;
  helpful: boolean | null;
}

export interface FloorItem {
  kind: "floor";
  key: string;
  at: Date;
  floor: Floor;
}

export interface DayItem {
  kind: "day";
  key: string;
  at: Date;
}

export type Item = ShopperItem | SpokenItem | FloorItem | DayItem;

export interface View {
  items: Item[];
  /** Somebody is making an answer. */
  typing: boolean;
  floor: Floor;
  /** Quick replies to what was said since the shopper wrote last; none once the shopper has written. */
  replies: QuickReply[];
}

/** What the window shows: the log, then what a server `accepted` whose line has not come, then what waits to be sent. */
export function view(transcript: Transcript, pending: readonly Pending[], accepted: readonly Pending[] = []): View {
  const told = new Set(transcript.lines.map((line) => (line.kind === "shopper" ? line.message : "")));
  const isNew = ({ frame }: Pending) => !told.has(frame.id);
  const waiting = [...accepted.filter(isNew).map(acceptedItem), ...pending.filter(isNew).map(waitingItem)];
  const items = [...said(transcript), ...waiting];
  return {
    items: withDays(items),
    typing: isTyping(transcript),
    floor: transcript.floor,
    replies: waiting.length === 0 ? lastReplies(transcript.lines) : [],
  };
}

/** How many things were said to the shopper after the line `seen`. */
export function unread(transcript: Transcript, seen: string | null): number {
  const start = transcript.lines.findIndex((line) => line.id === seen) + 1;
  const bubbles = said({ ...transcript, lines: transcript.lines.slice(start) });
  return bubbles.filter((item) => item.kind === "assistant" || item.kind === "agent").length;
}

function said(transcript: Transcript): Item[] {
  const items: Item[] = [];
  let floor: Floor = "assistant";
  for (const line of transcript.lines) {
    const last = items.at(-1);
    if (line.kind === "shopper") items.push(sentItem(line));
    else if (line.kind === "assistant" || line.kind === "agent") {
      if (last && continues(last, line)) items[items.length - 1] = joined(last, line);
      else items.push(spokenItem(line));
    } else if (line.kind === "turn" && last && isSpoken(last)) items[items.length - 1] = { ...last, ended: true };
    else if (line.kind === "floor" && line.floor !== floor) {
      floor = line.floor;
      items.push({ kind: "floor", key: line.id, at: line.at, floor: line.floor });
    }
  }
  return items.map((item, index) => {
    if (!isSpoken(item)) return item;
    const ended = item.ended || item.kind === "agent" || index < items.length - 1;
    return { ...item, ended, helpful: transcript.thumbs.get(item.last) ?? null };
  });
}

function isSpoken(item: Item): item is SpokenItem {
  return item.kind === "assistant" || item.kind === "agent";
}

/** Sentences of one turn stand in one bubble. */
function continues(item: Item, line: SpokenLine): item is SpokenItem {
  return item.kind === "assistant" && line.kind === "assistant" && line.turn !== "" && item.turn === line.turn;
}

function spokenItem(line: SpokenLine): SpokenItem {
  const listed = line.lead !== undefined && line.products.length > 0;
  const words = (listed && line.lead) || line.text;
  return {
    kind: line.kind,
    key: line.id,
    turn: line.turn,
    at: line.at,
    name: line.name,
    texts: words ? [{ text: words, apart: false }] : [],
    whole: isWhole(line),
    products: line.products,
    listed,
    images: line.image ? [line.image] : [],
    sources: line.sources,
    last: line.id,
    ended: false,
    helpful: null,
  };
}

function joined(item: SpokenItem, line: SpokenLine): SpokenItem {
  const more = spokenItem(line);
  return {
    ...item,
    texts: [...item.texts, ...more.texts.map(({ text }) => ({ text, apart: item.whole }))],
    whole: more.whole,
    products: distinct([...item.products, ...more.products], (product) => product.sku || product.name),
    listed: item.listed || more.listed,
    images: [...item.images, ...more.images],
    sources: distinct([...item.sources, ...more.sources], (source) => source.passage || source.source),
    last: line.id,
  };
}

function isWhole({ buttons, products, image }: SpokenLine): boolean {
  return buttons.length > 0 || products.length > 0 || image !== undefined;
}

function distinct<Value>(values: Value[], name: (value: Value) => string): Value[] {
  return [...new Map(values.map((value) => [name(value), value])).values()];
}

function sentItem(line: ShopperLine): ShopperItem {
  const text = line.shown ?? line.text;
  return { kind: "shopper", key: line.message, at: line.at, text, files: line.files, state: "sent" };
}

function acceptedItem({ refused: _, ...pending }: Pending): ShopperItem {
  return { ...waitingItem(pending), state: "sent" };
}

function waitingItem({ frame, at, files, refused }: Pending): ShopperItem {
  const text = (frame.type === "message" ? (frame.shown ?? frame.text) : frame.text) ?? "";
  const item = { kind: "shopper", key: frame.id, at: new Date(at), text, files } as const;
  return refused === undefined ? { ...item, state: "waiting" } : { ...item, state: "refused", reason: refused };
}

function isTyping({ lines, covered, floor }: Transcript): boolean {
  if (floor === "agent" || floor === "closed") return false;
  return lines.some((line) => line.kind === "shopper" && !covered.has(line.message));
}

function lastReplies(lines: readonly Line[]): QuickReply[] {
  const since = lines.slice(lines.findLastIndex((line) => line.kind === "shopper") + 1);
  const buttons = since.flatMap((line) => (line.kind === "assistant" || line.kind === "agent" ? line.buttons : []));
  return distinct(buttons, (button) => button.payload);
}

function withDays(items: Item[]): Item[] {
  return items.flatMap((item, index) => {
    const before = items[index - 1];
    if (before && before.at.toDateString() === item.at.toDateString()) return [item];
    return [{ kind: "day", key: `day:${item.at.toDateString()}:${item.key}`, at: item.at } as DayItem, item];
  });
}
