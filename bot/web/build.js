// Builds dist/widget.js and dist/shop.js; with --tests, what `node --test` runs. Fails when the widget grows too big.

import { readFile, readdir, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const MOST_BYTES = 40_000; // gzipped: what a shop's page may be asked to load for a chat button

/** A style sheet imported as minified text, for `CSSStyleSheet.replaceSync`. */
const cssAsText = {
  name: "css-as-text",
  setup(plugin) {
    plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const shared = { bundle: true, target: "es2022", plugins: [cssAsText], logLevel: "warning" };

if (process.argv.includes("--tests")) {
  const tests = (await readdir("test")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: tests.map((name) => `test/${name}`),
    outdir: "dist/test",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    format: "esm",
    packages: "external",
  });
} else {
  await build({
    ...shared,
    entryPoints: ["src/widget.ts", "src/shop.ts"],
    outdir: "dist",
    format: "iife",
    minify: true,
    legalComments: "none",
  });
  const size = gzipSync(await readFile("dist/widget.js"), { level: 9 }).length;
  console.log(`dist/widget.js: ${(size / 1000).toFixed(1)} kB gzipped`);
  if (size > MOST_BYTES) {
    console.error(`That is more than ${MOST_BYTES / 1000} kB.`);
    await rm("dist/widget.js"); // or the next make would take it for built
    process.exit(1);
  }
}
