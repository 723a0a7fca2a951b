import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, readableOn, readColour, wordsOn, WHITE } from "../src/colour.ts";
import { pause } from "../src/connection.ts";
import { objection, refusal, uploadAgain, UploadError } from "../src/uploads.ts";
import { DEFAULT_LIMITS } from "../src/protocol.ts";
import { chooseLanguage, day, price, size } from "../src/words.ts";

test("the first language that the widget speaks is taken, and the device's region writes its numbers", () => {
  assert.equal(chooseLanguage(["zh"]).locale, "zh");
  assert.equal(chooseLanguage([null, "nl", "zh-TW"]).words.send, "发送");
  assert.equal(chooseLanguage(["en", "zh"], ["zh-CN", "en-GB"]).locale, "en-GB");
  assert.equal(chooseLanguage(["xx", "english please"]).locale, "en");
});

test("prices are written as the language does, and as they stand where they are no numbers", () => {
  assert.equal(price("349.95", "EUR", "en-GB"), "€349.95");
  assert.equal(price("from 10", "EUR", "en"), "from 10 EUR");
  assert.equal(price("10", "credits!", "en"), "10 credits!");
  assert.equal(price("", "EUR", "en"), "EUR");
});

test("days are near or dated", () => {
  const language = chooseLanguage(["en-GB"]);
  const now = new Date(2026, 2, 1, 12);
  assert.equal(day(new Date(2026, 2, 1, 0, 1), language, now), "Today");
  assert.equal(day(new Date(2026, 1, 28, 23), language, now), "Yesterday");
  assert.match(day(new Date(2025, 1, 28), language, now), /28 February 2025/);
});

test("sizes are short", () => {
  assert.equal(size(5 * 1024 * 1024, "en"), "5 MB");
  assert.equal(size(120, "en"), "1 kB");
});

test("words can be read on any accent, and an accent's words on the window", () => {
  for (const css of ["#ffff00", "#2f6f4e", "#000000", "#ffffff", "#ff0055", "#7a7a7a"]) {
    const accent = readColour(css);
    assert.ok(accent);
    assert.ok(contrast(accent, wordsOn(accent)) >= 4.5, css);
    assert.ok(contrast(readableOn(WHITE, accent), WHITE) >= 4.5, css);
    assert.ok(contrast(readableOn([0.1, 0.1, 0.1], accent), [0.1, 0.1, 0.1]) >= 4.5, css);
  }
});

test("a readable shade keeps the accent's hue", () => {
  const [red, green, blue] = readableOn([0.14, 0.16, 0.15], [47 / 255, 111 / 255, 78 / 255], 5.5);
  assert.ok(green > blue && blue > red && green - red > 0.25);
  assert.deepEqual(readableOn(WHITE, [0, 0, 1]), [0, 0, 1]);
});

test("opaque sRGB is read as browsers compute it; anything else has to be painted first", () => {
  assert.deepEqual(readColour("rgb(255, 0, 51)"), [1, 0, 0.2]);
  assert.deepEqual(readColour("color(srgb 1 0.5 0)"), [1, 0.5, 0]);
  for (const other of ["oklch(0.5 0.1 20)", "rgba(255, 0, 51, 0.5)", "rgb(255 0 51 / 0.5)", "color(srgb 1 0.5 0 / 0.2)", "color(display-p3 1 0 0)"]) {
    assert.equal(readColour(other), null, other);
  }
});

test("pauses grow to thirty seconds, half of them random", () => {
  assert.deepEqual([1, 2, 3].map((failures) => pause(failures, () => 1)), [500, 1000, 2000]);
  assert.equal(pause(50, () => 0), 15_000);
  assert.equal(pause(50, () => 1), 30_000);
});

test("a file is refused before it is sent", () => {
  assert.equal(objection({ size: 0, type: "image/png" }, DEFAULT_LIMITS), "empty");
  assert.equal(objection({ size: 6 * 1024 * 1024, type: "image/png" }, DEFAULT_LIMITS), "tooBig");
  assert.equal(objection({ size: 10, type: "text/html" }, DEFAULT_LIMITS), "wrongType");
  assert.equal(objection({ size: 10, type: "application/pdf" }, DEFAULT_LIMITS), null);
});

test("a file that is refused is not sent again, one that has to wait is, but not for ever", () => {
  assert.deepEqual([413, 415, 400, 404].map((status) => refusal(status).reason), ["tooBig", "wrongType", "failed", "failed"]);
  for (const status of [400, 413, 415]) assert.equal(uploadAgain(refusal(status), 1), null);
  assert.equal(uploadAgain(refusal(429, 20), 1), 20_000);
  assert.equal(uploadAgain(refusal(429, 40_000), 1), null);
  assert.ok((uploadAgain(refusal(503), 1) ?? 0) >= 1_000);
  assert.equal(uploadAgain(refusal(503, 5), 6), null);
});

test("a file waits for the network as long as it takes, with growing pauses", () => {
  assert.ok((uploadAgain(new UploadError("offline"), 1) ?? 0) < 2_000);
  assert.ok((uploadAgain(new UploadError("offline"), 500) ?? 0) >= 15_000);
});
