import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pending } from "../src/outbox.ts";
import type { Line } from "../src/protocol.ts";
import { parseLine } from "../src/protocol.ts";
import type { Item } from "../src/transcript.ts";
import { append, EMPTY, unread, view } from "../src/transcript.ts";

const at = "2026-03-01T12:00:00Z";
const line = (id: string, kind: string, fields: object = {}) => parseLine({ id, at, kind, ...fields }) as Line;
const shopper = (id: string, message: string, text = message) => line(id, "shopper", { message, text });
const says = (id: string, turn: string, text: string, fields: object = {}) => line(id, "assistant", { turn, text, ...fields });
const turn = (id: string, ...covers: string[]) => line(id, "turn", { covers });
const floor = (id: string, name: string) => line(id, "floor", { floor: name });
const waits = (id: string, text = id): Pending => ({ frame: { type: "message", id, text }, at: Date.parse(at), files: [] });
const shown = (lines: Line[], pending: Pending[] = []) => view(append(EMPTY, lines), pending);
const bubbles = (items: Item[]) => items.filter((item) => item.kind !== "day");

test("a line that comes again changes nothing", () => {
  const once = append(EMPTY, [shopper("1-0", "m"), says("2-0", "1-0", "Hello.")]);
  assert.equal(append(once, [shopper("1-0", "m")]), once);
  assert.equal(append(once, [says("2-0", "1-0", "Hello."), says("2-0", "1-0", "Hello.")]), once);
  assert.equal(once.cursor, "2-0");
});

test("the sentences of one turn stand in one bubble, those of the next in another", () => {
  const { items } = shown([shopper("1-0", "m"), says("2-0", "1-0", "One."), says("3-0", "1-0", "Two."), turn("4-0", "m"), says("5-0", "5-0", "Three.")]);
  assert.deepEqual(bubbles(items).slice(1).map((item) => (item.kind === "assistant" ? item.texts.map(({ text }) => text) : [])), [["One.", "Two."], ["Three."]]);
});

test("a bubble keeps its key while sentences come into it", () => {
  const first = append(EMPTY, [shopper("1-0", "m"), says("2-0", "1-0", "One.")]);
  const keys = (items: Item[]) => items.map((item) => item.key);
  assert.deepEqual(keys(view(append(first, [says("3-0", "1-0", "Two.")]), []).items), keys(view(first, []).items));
});

test("the shopper's own line keeps its place and key when the server has it", () => {
  const before = shown([], [waits("m")]).items.at(-1);
  const after = shown([shopper("1-0", "m")], [waits("m")]).items;
  assert.equal(before?.kind === "shopper" && before.state, "waiting");
  assert.equal(bubbles(after).length, 1);
  assert.equal(after.at(-1)?.key, before?.key);
  assert.equal(after.at(-1)?.kind === "shopper" && (after.at(-1) as { state: string }).state, "sent");
});

test("somebody types until a turn covers every message", () => {
  assert.equal(shown([shopper("1-0", "a"), shopper("2-0", "b")]).typing, true);
  assert.equal(shown([shopper("1-0", "a"), shopper("2-0", "b"), turn("3-0", "a")]).typing, true);
  assert.equal(shown([shopper("1-0", "a"), shopper("2-0", "b"), turn("3-0", "a", "b")]).typing, false);
});

test("nobody types while an agent has the floor, but the assistant does while one is waited for", () => {
  assert.equal(shown([floor("1-0", "agent"), shopper("2-0", "m")]).typing, false);
  assert.equal(shown([floor("1-0", "waiting"), shopper("2-0", "m")]).typing, true);
});

test("quick replies vanish when the shopper writes, before the server knows", () => {
  const offer = says("2-0", "1-0", "Which?", { buttons: [{ title: "This", payload: "/this" }] });
  assert.equal(shown([shopper("1-0", "m"), offer]).replies.length, 1);
  assert.equal(shown([shopper("1-0", "m"), offer], [waits("n")]).replies.length, 0);
  assert.equal(shown([shopper("1-0", "m"), offer, shopper("3-0", "n")]).replies.length, 0);
});

test("two offers of one turn are both made, in paragraphs of their own", () => {
  const offer = (id: string, payload: string) => says(id, "1-0", `About ${payload}?`, { buttons: [{ title: payload, payload }] });
  const { items, replies } = shown([shopper("1-0", "m"), offer("2-0", "a"), offer("3-0", "b"), offer("4-0", "b")]);
  assert.deepEqual(replies.map(({ payload }) => payload), ["a", "b"]);
  assert.deepEqual((items.at(-1) as { texts: { apart: boolean }[] }).texts.map(({ apart }) => apart), [false, true, true]);
});

test("an accepted message stands as sent before its line comes, under the same key, and the old quick replies stay away", () => {
  const offer = says("2-0", "1-0", "Which?", { buttons: [{ title: "This", payload: "/this" }] });
  const log = append(EMPTY, [shopper("1-0", "m"), offer]);
  const own = (lines: Line[], accepted: Pending[]) => view(append(log, lines), [waits("later")], accepted).items.filter((item) => item.kind === "shopper");
  const [before, after] = [own([], [waits("n")]), own([shopper("3-0", "n")], [waits("n")])];
  assert.deepEqual(before.map(({ key, state }) => [key, state]), [["m", "sent"], ["n", "sent"], ["later", "waiting"]]);
  assert.deepEqual(after.map(({ key, state }) => [key, state]), before.map(({ key, state }) => [key, state]));
  assert.equal(view(log, [], [waits("n")]).replies.length, 0);
});

test("products that a text lists are shown once, as cards", () => {
  const cards = { text: "Two:\n- Tent: 5 EUR", lead: "Two:", products: [{ sku: "T", name: "Tent", facts: ["capacity: 1 person"] }] };
  const item = shown([line("2-0", "assistant", cards)]).items.at(-1);
  assert.deepEqual(item?.kind === "assistant" && [item.texts[0]?.text, item.listed, item.products[0]?.facts], ["Two:", true, ["capacity: 1 person"]]);
  const without = shown([line("2-0", "assistant", { ...cards, products: [{}] })]).items.at(-1);
  assert.deepEqual(without?.kind === "assistant" && [without.texts[0]?.text, without.listed], [cards.text, false]);
});

test("what waits stands after the log, in the order in which it was written", () => {
  const { items } = shown([shopper("1-0", "a")], [waits("b"), waits("c")]);
  assert.deepEqual(bubbles(items).map((item) => item.key), ["a", "b", "c"]);
});

test("the last thumb counts, and none takes it back", () => {
  const said = [says("2-0", "1-0", "Hello."), turn("3-0", "m")];
  const thumb = (id: string, helpful: boolean | null) => line(id, "feedback", { about: "2-0", helpful });
  const helpful = (lines: Line[]) => (shown([...said, ...lines]).items.at(-1) as { helpful: boolean | null }).helpful;
  assert.equal(helpful([thumb("4-0", true)]), true);
  assert.equal(helpful([thumb("4-0", true), thumb("5-0", false)]), false);
  assert.equal(helpful([thumb("4-0", true), thumb("5-0", null)]), null);
});

test("a reply can be judged once its turn has ended", () => {
  const ended = (lines: Line[]) => (shown(lines).items.at(-1) as { ended: boolean }).ended;
  assert.equal(ended([says("2-0", "1-0", "Hello.")]), false);
  assert.equal(ended([says("2-0", "1-0", "Hello."), turn("3-0", "m")]), true);
});

test("a change of the floor is told once", () => {
  const { items } = shown([floor("1-0", "waiting"), floor("2-0", "waiting"), floor("3-0", "agent")]);
  assert.deepEqual(items.filter((item) => item.kind === "floor").map((item) => item.key), ["1-0", "3-0"]);
});

test("a product that two sentences name has one card", () => {
  const { items } = shown([says("1-0", "0", "A.", { products: [{ sku: "T", name: "Tent" }] }), says("2-0", "0", "B.", { products: [{ sku: "T", name: "Tent" }] })]);
  assert.equal((items.at(-1) as { products: unknown[] }).products.length, 1);
});

test("unread counts bubbles, not sentences, after the line seen last", () => {
  const transcript = append(EMPTY, [says("1-0", "a", "Old."), says("2-0", "b", "One."), says("3-0", "b", "Two."), line("4-0", "agent", { text: "Hi" })]);
  assert.equal(unread(transcript, "1-0"), 2);
  assert.equal(unread(transcript, null), 3);
  assert.equal(unread(transcript, "4-0"), 0);
});
