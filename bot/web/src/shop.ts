/** The demo shop's page: its questions go to the widget through the widget's own public method, as any page's could. */

import type { KefuChat } from "./element.ts";

async function ask(question: string): Promise<void> {
  await customElements.whenDefined("kefu-chat");
  document.querySelector<KefuChat>("kefu-chat")?.send(question);
}

function choose(category: string): void {
  for (const button of document.querySelectorAll<HTMLElement>(".categories button")) {
    button.setAttribute("aria-pressed", String(button.dataset.category === category));
  }
  for (const product of document.querySelectorAll<HTMLElement>("li.product")) {
    product.hidden = category !== "" && product.dataset.category !== category;
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button?.dataset.ask) void ask(button.dataset.ask);
  else if (button?.dataset.category !== undefined) choose(button.dataset.category);
});
