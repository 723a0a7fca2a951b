import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { load, pass, reset, session, Socket, welcomed } from "./browser.ts";

const texts = (socket: Socket) => socket.sent("message").map((frame) => frame.text);
const accept = (socket: Socket) => socket.says({ type: "accepted", id: socket.sent("message").at(-1)?.id, line: "1-0" });
const shopperLine = (id: string, message: unknown) => ({
  type: "lines",
  lines: [{ id, at: "2026-03-01T12:00:00Z", kind: "shopper", message, text: "x" }],
});

beforeEach(reset);

test("messages go out one by one, each when the one before it is accepted", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("a");
  conversation.say("b");
  assert.deepEqual(texts(socket), ["a"]);
  accept(socket);
  assert.deepEqual(texts(socket), ["a", "b"]);
});

test("a message that was not accepted before a cut goes out again, with the same id, before the next one", async () => {
  const { conversation } = load();
  const first = await welcomed();
  conversation.say("a");
  conversation.say("b");
  first.ends(1006);
  await pass(1_000);
  const second = await welcomed();
  assert.deepEqual(texts(second), ["a"]);
  assert.equal(second.sent("message")[0]?.id, first.sent("message")[0]?.id);
  accept(second);
  assert.deepEqual(texts(second), ["a", "b"]);
});

test("a message that the log shows is not sent again, though its acceptance was lost", async () => {
  const { conversation } = load();
  const first = await welcomed();
  conversation.say("a");
  first.says(shopperLine("1-0", first.sent("message")[0]?.id));
  first.ends(1006);
  await pass(1_000);
  assert.deepEqual(texts(await welcomed()), []);
});

test("a message typed offline is sent once after a reload", async () => {
  session.offline = true;
  const { conversation, store } = load();
  await pass();
  conversation.say("a");
  assert.equal(Socket.all.length, 0);
  conversation.close();
  session.offline = false;
  load(store);
  const socket = await welcomed();
  assert.deepEqual(texts(socket), ["a"]);
  accept(socket);
  socket.ends(1006);
  await pass(1_000);
  assert.deepEqual(texts(await welcomed()), []);
});

test("a message stays on the screen between its acceptance and its line, and stands there once", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  const shown = () => conversation.view.items.flatMap((item) => (item.kind === "shopper" ? [[item.text, item.state]] : []));
  conversation.say("x");
  const id = socket.sent("message")[0]?.id;
  socket.says({ type: "accepted", id, line: "9-0" });
  assert.deepEqual(shown(), [["x", "sent"]]);
  socket.says(shopperLine("9-0", id));
  assert.deepEqual(shown(), [["x", "sent"]]);
  conversation.say("y");
  socket.says({ type: "accepted", id: socket.sent("message")[1]?.id, line: "8-0" });
  assert.deepEqual(shown(), [["x", "sent"]], "its line stands further up than what was loaded");
});

test("a message that is refused for now is sent again after the time named, and not overtaken", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("a");
  conversation.say("b");
  socket.says({ type: "refused", id: socket.sent("message")[0]?.id, reason: "rate", message: "", retry_after: 3 });
  await pass(2_900);
  assert.deepEqual(texts(socket), ["a"]);
  await pass(200);
  assert.deepEqual(texts(socket), ["a", "a"]);
  accept(socket);
  assert.deepEqual(texts(socket), ["a", "a", "b"]);
});

test("a message that is refused for good stays, and lets the next one pass", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("a");
  conversation.say("b");
  socket.says({ type: "refused", id: socket.sent("message")[0]?.id, reason: "bad_file", message: "" });
  assert.deepEqual(texts(socket), ["a", "b"]);
  const kept = conversation.view.items.find((item) => item.kind === "shopper" && item.state === "refused");
  assert.equal(kept?.kind === "shopper" && kept.reason, "bad_file");
});

test("an answer that never comes is asked for again", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("a");
  await pass(19_000);
  socket.says({ type: "pong" });
  await pass(2_000);
  assert.deepEqual(texts(socket), ["a", "a"]);
});

test("what no frame can hold is not sent", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("🏔".repeat(5_000));
  assert.deepEqual(texts(socket), []);
});

test("a new socket goes on after the last line", async () => {
  load();
  const first = await welcomed();
  assert.equal(first.sent("hello")[0]?.after, undefined);
  first.says(shopperLine("7-1", "m"));
  first.ends(4408);
  await pass(1_000);
  await welcomed();
  assert.equal(Socket.all.at(-1)?.sent("hello")[0]?.after, "7-1");
});

test("a resync forgets the lines but not what waits", async () => {
  const { conversation } = load();
  const first = await welcomed();
  first.says(shopperLine("7-1", "m"));
  conversation.say("a");
  first.ends(1006);
  await pass(1_000);
  await welcomed({ resync: true });
  const keys = conversation.view.items.filter((item) => item.kind === "shopper").map((item) => item.text);
  assert.deepEqual(keys, ["a"]);
});

test("a refused token is replaced at once by the resume token's, and only once at once", async () => {
  load();
  const first = await welcomed();
  first.ends(4401);
  await pass();
  assert.deepEqual(session.posted, ["{}", '{"resume":"r1"}']);
  assert.equal(Socket.all.length, 2);
  Socket.all[1]?.ends(4401);
  await pass();
  assert.equal(Socket.all.length, 2);
});

test("a token is renewed on the open socket before it ends", async () => {
  load();
  const socket = await welcomed();
  for (let second = 0; second < 640; second += 10) {
    await pass(10_000);
    socket.says({ type: "pong" });
  }
  assert.deepEqual(socket.sent("renew").map((frame) => frame.token), ["t2"]);
  assert.ok(socket.sent("ping").length >= 10);
});

test("a network that went without a word is noticed, and the next socket resumes", async () => {
  load();
  const socket = await welcomed();
  socket.says(shopperLine("7-1", "m"));
  await pass(25_000);
  await pass(15_000);
  await pass(1_000);
  assert.equal(socket.readyState, 3);
  assert.equal(Socket.all.length, 2);
});

test("a resume token that is refused makes a new shopper, and what waits goes to the new conversation", async () => {
  const { conversation, store } = load();
  await welcomed();
  conversation.close();
  session.posted = [];
  const answer = globalThis.fetch;
  globalThis.fetch = async (address, init) =>
    String(init?.body).includes("resume") ? (session.posted.push("refused"), new Response("{}", { status: 401 })) : answer(address, init);
  const again = load(store);
  again.conversation.say("a");
  const socket = await welcomed();
  globalThis.fetch = answer;
  assert.deepEqual(session.posted, ["refused", "{}"]);
  assert.deepEqual(texts(socket), ["a"]);
});

test("a thumb pressed offline reaches the server later", async () => {
  const { conversation } = load();
  const first = await welcomed();
  first.ends(1006);
  conversation.judge("5-0", true);
  await pass(1_000);
  const second = await welcomed();
  assert.deepEqual(second.sent("feedback"), [{ type: "feedback", about: "5-0", helpful: true }]);
});

test("a person is asked for once, however often the button is pressed", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.askForPerson("please");
  conversation.askForPerson("please");
  assert.equal(socket.sent("human").length, 1);
});

test("a closed conversation leaves nothing running", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.close();
  socket.ends(1000);
  await pass(60_000);
  assert.equal(Socket.all.length, 1);
});

test("an error about a thumb leaves the message in flight alone, and the thumb goes out again", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.judge("5-0", true);
  conversation.say("a");
  socket.says({ type: "error", reason: "rate", message: "", about: "5-0", retry_after: 30 });
  assert.equal(conversation.view.items.some((item) => item.kind === "shopper" && item.state === "refused"), false);
  accept(socket);
  await pass(29_000);
  assert.equal(socket.sent("feedback").length, 1);
  socket.says({ type: "pong" });
  await pass(2_000);
  assert.equal(socket.sent("feedback").length, 2);
});

test("a thumb on a line that is gone is given up, and says nothing about the message in flight", async () => {
  const { conversation, store } = load();
  const socket = await welcomed();
  conversation.judge("5-0", true);
  conversation.say("a");
  socket.says({ type: "error", reason: "bad_frame", message: "about: is no line", about: "5-0" });
  assert.equal(conversation.view.items.some((item) => item.kind === "shopper" && item.state === "refused"), false);
  assert.deepEqual(store.keys("kefu:thumb:"), []);
});

test("a bad frame that names no thumb is the message in flight", async () => {
  const { conversation } = load();
  const socket = await welcomed();
  conversation.say("a");
  socket.says({ type: "error", reason: "bad_frame", message: "no frame" });
  assert.equal(conversation.view.items.some((item) => item.kind === "shopper" && item.state === "refused"), true);
});

test("a thumb pressed offline reaches the server after a reload, and only until the log shows it", async () => {
  session.offline = true;
  const { conversation, store } = load();
  await pass();
  conversation.judge("5-0", false);
  conversation.close();
  session.offline = false;
  load(store);
  const socket = await welcomed();
  assert.deepEqual(socket.sent("feedback"), [{ type: "feedback", about: "5-0", helpful: false }]);
  socket.says({ type: "lines", lines: [{ id: "9-0", at: "2026-03-01T12:00:00Z", kind: "feedback", about: "5-0", helpful: false }] });
  assert.deepEqual(store.keys("kefu:thumb:"), []);
});

test("a message of a tab that was closed at once is sent by the tab that is left", async () => {
  const { store } = load();
  const socket = await welcomed();
  const other = load(store).conversation;
  session.offline = true; // It never got a line of its own.
  other.say("a");
  other.close();
  const [key = ""] = store.keys("kefu:out:");
  window.dispatchEvent(Object.assign(new Event("storage"), { key, oldValue: null, newValue: store.get(key) }));
  await pass(900);
  assert.deepEqual(texts(socket), []);
  await pass(200);
  assert.deepEqual(texts(socket), ["a"]);
});

test("a page that newer ones pushed out does not come straight back and push them out", async () => {
  load();
  const socket = await welcomed();
  socket.ends(4429);
  await pass(20_000);
  assert.equal(Socket.all.length, 1);
  document.dispatchEvent(new Event("visibilitychange")); // somebody looks at it
  await pass();
  assert.equal(Socket.all.length, 2);
});

test("who signs in is shown what did not go out before, and it goes nowhere unasked", async () => {
  session.offline = true;
  const { conversation, store } = load();
  conversation.say("a");
  conversation.close();
  session.offline = false;
  const signedIn = load(store, `x.${btoa('{"sub":"7"}')}.x`).conversation;
  const socket = await welcomed();
  const shown = signedIn.view.items.find((item) => item.kind === "shopper");
  assert.deepEqual(shown?.kind === "shopper" && [shown.text, shown.state, shown.reason], ["a", "refused", "signed_in"]);
  assert.deepEqual(texts(socket), []);
  signedIn.retry(shown?.key ?? "");
  assert.deepEqual(texts(socket), ["a"]);
});

test("who leaves the page is asked while a message waits that would be gone", async () => {
  session.offline = true;
  const { conversation } = load();
  const leave = () => window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
  assert.equal(leave(), true);
  conversation.say("a");
  assert.equal(leave(), false);
  conversation.close();
  assert.equal(leave(), true);
});
