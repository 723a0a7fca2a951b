import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { newId, Outbox, read } from "../src/outbox.ts";
import type { SentFrame } from "../src/protocol.ts";
import { BrowserStore, MemoryStore } from "../src/storage.ts";

const SERVER = "https://chat.example";
const message = (id: string): SentFrame => ({ type: "message", id, text: `text of ${id}` });
afterEach(() => mock.timers.reset());

const ids = (outbox: Outbox) => outbox.all().map(({ frame }) => frame.id);

test("a message written offline is there after a reload", () => {
  const store = new MemoryStore();
  new Outbox(store, SERVER, "visitor").add(message("a"));
  const next = new Outbox(store, SERVER, "visitor").next();
  assert.deepEqual(next?.frame, message("a"));
});

test("messages come out in the order in which they were written, though the clock stands still or goes back", () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const outbox = new Outbox(new MemoryStore(), SERVER, "visitor");
  for (const id of ["z", "a", "m"]) outbox.add(message(id));
  mock.timers.setTime(400_000);
  outbox.add(message("b"));
  outbox.refuse("z", "budget");
  outbox.retry("z");
  assert.deepEqual(ids(outbox), ["a", "m", "b", "z"]);
});

test("what was not sent for a day waits for the shopper's word", () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const outbox = new Outbox(new MemoryStore(), SERVER, "visitor");
  outbox.add(message("a"));
  mock.timers.setTime(1_000_000 + 25 * 3_600_000);
  assert.equal(outbox.all()[0]?.refused, "old");
  assert.equal(outbox.next(), undefined);
  outbox.retry("a");
  assert.equal(outbox.next()?.frame.id, "a");
});

test("what waits when somebody signs in is theirs to send, and the other tabs do not take it for sent", () => {
  const store = new MemoryStore();
  const [before, after] = [new Outbox(store, SERVER, "visitor"), new Outbox(store, SERVER, "user:7")];
  before.add(message("a"));
  before.add(message("b"));
  before.refuse("b", "bad_file");
  let last: string | null = null;
  const remove = store.remove.bind(store);
  store.remove = (key) => ((last = store.get(key)), remove(key));
  after.adopt(before, "signed_in");
  assert.deepEqual(ids(before), ["b"]);
  assert.deepEqual(after.all().map(({ frame, refused }) => [frame.id, refused]), [["a", "signed_in"]]);
  assert.equal(read(last)?.refused, "signed_in");
  after.retry("a");
  assert.equal(after.next()?.frame.id, "a");
});

test("two tabs lose nothing of each other's", () => {
  const store = new MemoryStore();
  const [one, other] = [new Outbox(store, SERVER, "visitor"), new Outbox(store, SERVER, "visitor")];
  one.add(message("a"));
  other.add(message("b"));
  one.settle("a");
  assert.deepEqual(ids(other), ["b"]);
  other.settle("a");
  assert.deepEqual(ids(one), ["b"]);
});

test("a refused message waits for the shopper and lets the next one pass", () => {
  const outbox = new Outbox(new MemoryStore(), SERVER, "visitor");
  outbox.add(message("a"));
  outbox.add(message("b"));
  outbox.refuse("a", "bad_file");
  assert.equal(outbox.next()?.frame.id, "b");
  assert.equal(outbox.all()[0]?.refused, "bad_file");
  outbox.retry("a");
  assert.deepEqual(ids(outbox), ["b", "a"]);
  assert.equal(outbox.all()[1]?.refused, undefined);
});

test("what one shopper of a browser wrote is not sent for another", () => {
  const store = new MemoryStore();
  new Outbox(store, SERVER, "visitor").add(message("a"));
  assert.deepEqual(ids(new Outbox(store, SERVER, "user:7")), []);
  assert.deepEqual(ids(new Outbox(store, "https://other.example", "visitor")), []);
});

test("a record that something else spoilt is passed over", () => {
  const store = new MemoryStore();
  const outbox = new Outbox(store, SERVER, "visitor");
  outbox.add(message("a"));
  store.set(`kefu:out:${SERVER}:visitor:x`, "{");
  store.set(`kefu:out:${SERVER}:visitor:y`, '{"frame":null}');
  assert.deepEqual(ids(outbox), ["a"]);
});

test("where the browser keeps nothing, the page does", () => {
  const refusing = new Proxy({} as Storage, {
    get: () => {
      throw new DOMException("no", "SecurityError");
    },
  });
  const outbox = new Outbox(new BrowserStore(refusing), SERVER, "visitor");
  assert.equal(outbox.fleeting, false);
  outbox.add(message("a"));
  assert.deepEqual(ids(outbox), ["a"]);
  assert.equal(outbox.fleeting, true);
  outbox.settle("a");
  assert.deepEqual(ids(outbox), []);
  assert.equal(outbox.fleeting, false);
});

test("ids differ", () => {
  assert.equal(new Set(Array.from({ length: 500 }, newId)).size, 500);
});
