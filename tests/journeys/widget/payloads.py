"""The payloads of `xss.txt`, and how one sees that none of them did anything in a page."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page

PAYLOADS = tuple(
    line
    for line in (Path(__file__).parents[1] / "xss.txt").read_text("utf-8").split("\n")
    if line.strip() and not line.startswith(";;")
)

WITNESS = """
  window.xssed = undefined;
  window.told = [];
  for (const name of ["alert", "confirm", "prompt"]) window[name] = (...words) => window.told.push([name, ...words]);
  document.addEventListener("securitypolicyviolation", (event) => {
    window.told.push(["policy", event.violatedDirective, event.blockedURI, event.sample]);
  });
"""
"""Put into every page and frame before anything of its own runs."""

_ELEMENTS = """() => {
  const roots = [document];
  for (const element of document.querySelectorAll("*")) if (element.shadowRoot) roots.push(element.shadowRoot);
  const all = roots.flatMap((root) => [...root.querySelectorAll("*")]);
  const addresses = all.flatMap((element) => ["href", "src", "action", "formaction", "data", "poster", "srcdoc", "ping",
    "srcset", "background", "xlink:href"].filter((name) => element.hasAttribute(name))
    .map((name) => [element.localName, name, element.getAttribute(name)]));
  return {
    tags: [...new Set(all.map((element) => element.localName))],
    handlers: all.flatMap((element) => element.getAttributeNames().filter((name) => /^on/i.test(name))),
    ids: all.map((element) => element.id).filter(Boolean),
    scripts: [...document.scripts].map((element) => element.getAttribute("src") ?? element.text),
    addresses: [...new Set(addresses.map((address) => JSON.stringify(address)))].map((address) => JSON.parse(address)),
    styled: all.filter((element) => element.style?.backgroundImage || element.style?.behavior).length,
    xssed: window.xssed ?? null,
    told: window.told,
    frames: window.length,
    place: location.href,
  };
}"""

EXPECTED_TAGS = frozenset(
    {
        *("html", "head", "meta", "title", "link", "script", "body", "header", "main", "footer", "nav", "section"),
        *("h1", "h2", "h3", "p", "ul", "li", "a", "img", "button", "span", "div", "article", "time", "strong", "br"),
        *("kefu-chat", "svg", "path", "form", "textarea", "input", "i"),
    }
)
"""What the demo shop and the widget are made of."""


async def assert_nothing_ran(page: Page, server: str, hosts: tuple[str, ...]) -> None:
    """No payload ran, made an element, or got an address into the page or the widget; links to ``hosts`` may stand."""
    found: dict[str, Any] = await page.evaluate(_ELEMENTS)
    assert found["xssed"] is None
    assert found["told"] == []
    assert found["handlers"] == []
    assert set(found["tags"]) <= EXPECTED_TAGS
    assert found["scripts"] == ["/demo/shop.js", "/widget.js"]
    assert found["frames"] == 0
    assert found["place"].startswith(server)
    for element, name, address in found["addresses"]:
        assert _is_fine(address, server, hosts), (element, name, address)


def _is_fine(address: str, server: str, hosts: tuple[str, ...]) -> bool:
    return address == "/" or address.startswith(
        (
            *("/demo/", "/widget.js", "/?lang=", f"{server}/"),
            *(f"{scheme}://{host}/" for scheme in ("https", "http") for host in hosts),
        )
    )
