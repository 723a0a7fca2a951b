/** The safe subset that is ever rendered: plain text, **bold**, lists of `- `, and addresses of allowed hosts. Pure. */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "bold"; text: string }
  | { kind: "link"; text: string; address: string };

export type Block = { kind: "paragraph"; lines: Inline[][] } | { kind: "list"; items: Inline[][] };

/** Where links may lead and pictures may come from. */
export interface Allowed {
  /** Address of the Kefu server; relative addresses are its. */
  server: string;
  links: readonly string[];
  images: readonly string[];
}

/** Control characters but the line feed, invisible ones, and those that turn the direction of writing around. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}]/gu;

const INLINE = /\*\*(?=\S)([^*\n]{1,400}?)(?<=\S)\*\*|\bhttps?:\/\/[^\s<>"'`|\\^{}\p{Script=Han}（）。，；！？、]{1,2000}/giu;

const TRAILING = /[.,;:!?)\]}'"]+$/;

/** The text without characters that show other than they are. */
export function clean(text: string): string {
  return text.replace(HIDDEN, (character) => (character === "\n" ? character : character === "\t" ? " " : ""));
}

/** A text as blocks, each of them plain data. */
export function parse(text: string, allowed: Allowed): Block[] {
  const blocks: Block[] = [];
  for (const line of clean(text).split("\n")) {
    const last = blocks.at(-1);
    const item = /^\s*[-•]\s+(.*)$/.exec(line);
    if (item) {
      const words = inline(item[1] ?? "", allowed);
      if (last?.kind === "list") last.items.push(words);
      else blocks.push({ kind: "list", items: [words] });
    } else if (line.trim() === "") {
      // The next line opens a paragraph of its own.
      if (last?.kind === "paragraph" && last.lines.length > 0) blocks.push({ kind: "paragraph", lines: [] });
    } else if (last?.kind === "paragraph") last.lines.push(inline(line, allowed));
    else blocks.push({ kind: "paragraph", lines: [inline(line, allowed)] });
  }
  return blocks.filter((block) => block.kind === "list" || block.lines.length > 0);
}

function inline(text: string, allowed: Allowed): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  const plain = (from: number, to: number) => {
    if (to > from) parts.push({ kind: "text", text: text.slice(from, to) });
  };
  for (const match of text.matchAll(INLINE)) {
    const bold = match[1];
    const shown = bold === undefined ? match[0].replace(TRAILING, "") : match[0];
    const address = bold === undefined ? link(shown, allowed) : null;
    if (bold === undefined && address === null) continue;
    plain(end, match.index);
    parts.push(address === null ? { kind: "bold", text: bold ?? "" } : { kind: "link", text: shown, address });
    end = match.index + shown.length;
  }
  plain(end, text.length);
  return parts;
}

/** The address that a link may lead to, or null: http(s) only, to the server itself or a host of the list. */
export function link(address: string, { server, links }: Allowed): string | null {
  return permitted(address, server, links);
}

/** The address that a picture may be fetched from, or null. */
export function picture(address: string, { server, images }: Allowed): string | null {
  return permitted(address, server, images);
}

function permitted(address: string, server: string, hosts: readonly string[]): string | null {
  if (address !== clean(address) || /[\s\\]/.test(address)) return null;
  let url: URL;
  try {
    url = new URL(address, `${server}/`);
  } catch {
    return null;
  }
  // Before the origin is compared: that of a `blob:` address is the page's that made it.
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  // A name before the host ("https://shop.example@evil.example") only serves to mislead.
  if (url.username || url.password) return null;
  if (url.origin === new URL(server).origin) return url.href;
  return hosts.some((host) => host.toLowerCase() === url.host) ? url.href : null;
}

/** Whether two sentences of one turn need a space between them: Chinese ones do not. */
export function joint(before: string, after: string): string {
  return /[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]\s*$/.test(before) || /^[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]/.test(after)
    ? ""
    : " ";
}
