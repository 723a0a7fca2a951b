/** What the page's script tag starts: one `<kefu-chat>`, told what the tag says. */

import { KefuChat } from "./element.ts";

const SAID = ["language", "title", "greeting", "color", "scheme", "position", "open", "user-token"];

function start(tag: HTMLScriptElement): void {
  if (!customElements.get("kefu-chat")) customElements.define("kefu-chat", KefuChat);
  // A page that writes the element itself, or loads the script twice, has one already.
  if (document.querySelector("kefu-chat")) return;
  const chat = document.createElement("kefu-chat");
  const server = tag.dataset.server || (tag.src ? new URL(tag.src).origin : location.origin);
  if (!/^https?:\/\//i.test(server)) {
    return console.error(`Kefu: data-server has to begin with https:// or http://, and is "${server}".`);
  }
  chat.setAttribute("server", server);
  for (const name of SAID) {
    const value = tag.getAttribute(`data-${name}`);
    // `title` on an element is a tooltip.
    if (value !== null) chat.setAttribute(name === "title" ? "title-text" : name, value);
  }
  document.body.append(chat);
}

// Only now can the running script be told; a script in the head may run before there is a body.
const tag = document.currentScript;
if (tag instanceof HTMLScriptElement) {
  if (document.body) start(tag);
  else document.addEventListener("DOMContentLoaded", () => start(tag), { once: true });
} else console.error('Kefu: widget.js is a plain script; load it without type="module".');
