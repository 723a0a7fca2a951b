import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFrame, parseLine } from "../src/protocol.ts";

test("what is no frame of the protocol is passed over", () => {
  for (const data of ["", "null", "[]", "7", '"hello"', "{", '{"type":"unheard of"}', new ArrayBuffer(4), undefined]) {
    assert.equal(parseFrame(data), null);
  }
});

test("a welcome without its limits gets the documented ones", () => {
  const frame = parseFrame('{"type":"welcome","resync":true,"links":["a.example",7]}');
  assert.ok(frame?.type === "welcome");
  assert.equal(frame.limits.text, 4000);
  assert.equal(frame.resync, true);
  assert.deepEqual(frame.links, ["a.example"]);
});

test("a line that cannot be read costs only itself", () => {
  const frame = parseFrame('{"type":"lines","lines":[null,{"kind":"turn"},{"id":"1-0","at":"?","kind":"turn","covers":["m",3]}]}');
  assert.ok(frame?.type === "lines");
  assert.deepEqual(frame.lines.map((line) => line.id), ["1-0"]);
});

test("a kind of a newer server moves the cursor and shows nothing", () => {
  assert.equal(parseLine({ id: "1-0", at: "2026-01-01T00:00:00Z", kind: "hologram" })?.kind, "other");
});

test("a refusal says whether sending again helps", () => {
  const again = parseFrame('{"type":"refused","id":"m","reason":"rate","retry_after":3.2}');
  const never = parseFrame('{"type":"refused","id":"m","reason":"bad_file"}');
  assert.ok(again?.type === "refused" && never?.type === "refused");
  assert.equal(again.retryAfter, 3.2);
  assert.equal(never.retryAfter, undefined);
});

test("products without a name or a number in place of a price are read as well as they can be", () => {
  const line = parseLine({ id: "1-0", at: "", kind: "assistant", products: [{ sku: "T1", price: 3.5, facts: ["red", 7] }, {}, "x"] });
  assert.ok(line?.kind === "assistant");
  assert.deepEqual(line.products, [{ sku: "T1", name: "T1", price: "3.5", facts: ["red"] }]);
});
