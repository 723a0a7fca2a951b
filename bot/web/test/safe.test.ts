import assert from "node:assert/strict";
import { test } from "node:test";
import { clean, joint, link, parse, picture } from "../src/safe.ts";

const ALLOWED = { server: "https://chat.example", links: ["shop.example"], images: ["cdn.example"] };
const inline = (text: string) => {
  const [block] = parse(text, ALLOWED);
  return block?.kind === "paragraph" ? (block.lines[0] ?? []) : [];
};
const links = (text: string) => inline(text).filter((part) => part.kind === "link").map((part) => part.text);

test("markup of any other kind is text", () => {
  for (const text of ["<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "# Title", "`code`", "![x](https://cdn.example/x.png)"]) {
    assert.ok(inline(text).every((part) => part.kind === "text"), text);
  }
});

test("bold, and stars that are none", () => {
  assert.deepEqual(inline("a **b c** d"), [{ kind: "text", text: "a " }, { kind: "bold", text: "b c" }, { kind: "text", text: " d" }]);
  for (const text of ["2 ** 3 ** 4", "** b **", "**", "****", "5 * 3"]) assert.ok(inline(text).every((part) => part.kind === "text"), text);
});

test("lines with dashes are a list, an empty line ends a paragraph", () => {
  assert.deepEqual(parse("Two:\n- a\n- b\n\nEnd\nof it", ALLOWED).map((block) => block.kind), ["paragraph", "list", "paragraph"]);
  assert.equal(parse("10 - 3 = 7", ALLOWED)[0]?.kind, "paragraph");
});

test("addresses of listed hosts are links, without the full stop behind them", () => {
  assert.deepEqual(links("See https://shop.example/returns. And (https://shop.example/a)."), ["https://shop.example/returns", "https://shop.example/a"]);
  assert.deepEqual(links("见https://shop.example/退货。谢谢"), ["https://shop.example/"]);
  assert.deepEqual(links("https://chat.example/api/files/x"), ["https://chat.example/api/files/x"]);
});

test("no other address is a link", () => {
  for (const address of [
    "https://evil.example/",
    "https://shop.example.evil.example/",
    "https://evilshop.example/",
    "https://shop.example@evil.example/",
    "https://user:pass@shop.example/",
    "https://shop.example:8443/",
    "https://shop.example\\@evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//evil.example/x",
    "https://shop.ex\u00adample/",
    "ftp://shop.example/",
    "java\nscript:alert(1)",
    " https://shop.example/",
  ]) {
    assert.equal(link(address, ALLOWED), null, address);
  }
});

test("pictures come from the server itself and listed hosts", () => {
  assert.equal(picture("/demo/tent.svg", ALLOWED), "https://chat.example/demo/tent.svg");
  assert.equal(picture("https://cdn.example/t.jpg", ALLOWED), "https://cdn.example/t.jpg");
  for (const address of ["https://shop.example/t.jpg", "data:image/svg+xml,<svg onload=alert(1)>", "blob:https://chat.example/1", "//evil.example/t.jpg"]) {
    assert.equal(picture(address, ALLOWED), null, address);
  }
});

test("invisible and direction-turning characters go", () => {
  assert.equal(clean("a\u202eb\u200bc\u2066d\ufeff\u0000e\u00adf\u{e0041}g\nh\ti"), "abcdefg\nh i");
  assert.equal(clean("中文 émoji 🏔"), "中文 émoji 🏔");
});

test("sentences are joined as their language does", () => {
  assert.equal(joint("One.", "Two."), " ");
  assert.equal(joint("可以退货。", "请联系我们。"), "");
});

test("a long hostile text is read in a moment", () => {
  const started = performance.now();
  parse("**a".repeat(20_000), ALLOWED);
  parse(`https://${"a".repeat(50_000)}`, ALLOWED);
  parse("- ".repeat(30_000), ALLOWED);
  assert.ok(performance.now() - started < 5_000); // a bound for hanging, no measure
});
