"""The demo shop's page: what the knowledge folder sells, and questions to begin with. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from urllib.parse import urlsplit

from bot.records import Kind, Passage

DEMO_HOST = "larkfell.example"
"""Where the products of the knowledge that comes with Kefu have their pages: the shop they belong to has a name."""


_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
"""Currencies whose sign everybody reads; the others go by their code."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says, in one language."""

    language: str
    other: str
    """The other language, by its own name and its address."""
    other_address: str
    headline: str
    lead: str
    try_asking: str
    everything: str
    categories: str
    ask: str
    about: str
    """The question about a product; has its ``{name}``."""
    in_stock: str
    sold_out: str
    demo: str
    questions: tuple[str, ...]


ENGLISH = Words(
    language="en",
    other="中文",
    other_address="/?lang=zh",
    headline="Ask us anything.",
    lead="The assistant in the corner answers from this catalogue, the shop's policies and your orders, and calls "
    "a person whenever you want one.",
    try_asking="Try asking",
    everything="All",
    categories="Categories",
    ask="Ask about it",
    about="Tell me about the {name}",
    in_stock="In stock",
    sold_out="Sold out",
    demo="A demo shop: nothing here can be bought.",
    questions=(
        "Where is my order?",
        "How can I return something?",
        "How much is shipping to Belgium?",
        "Which tents cost less than 300 euros?",
        "Can I pay by invoice?",
    ),
)

CHINESE = Words(
    language="zh",
    other="English",
    other_address="/",
    headline="有问题，尽管问。",
    lead="右下角的助手根据商品目录、店铺政策和您的订单作答；需要时，随时为您转接人工客服。",
    try_asking="试着问问",
    everything="全部",
    categories="类别",
    ask="咨询这件商品",
    about="请介绍一下 {name}",
    in_stock="有货",
    sold_out="缺货",
    demo="这是演示商店，商品不出售。",
    questions=("我的订单到哪里了？", "怎么退货？", "运费是多少？", "有哪些付款方式？"),
)


def render(template: Template, passages: Iterable[Passage], words: Words) -> str:
    """The page over the products among ``passages``; everything out of them is escaped."""
    products = _products(passages)
    categories = list(dict.fromkeys(product["category"] for product in products if product.get("category")))
    title = _title(products)
    return template.substitute(
        language=words.language,
        title=escape(title),
        other=words.other,
        other_language="zh" if words.language == "en" else "en",
        other_address=words.other_address,
        headline=words.headline,
        lead=escape(words.lead),
        try_asking=words.try_asking,
        categories_label=words.categories,
        demo=words.demo,
        questions="".join(_question(question) for question in words.questions),
        categories=_filters(categories, words) if len(categories) > 1 else "",
        products="".join(_card(product, words) for product in products),
    )


def _products(passages: Iterable[Passage]) -> Sequence[Mapping[str, str]]:
    """Each product once, in the catalogue's order."""
    rows = {p.attributes["sku"]: p.attributes for p in passages if p.kind is Kind.PRODUCT and p.attributes.get("sku")}
    return list(rows.values())


def _title(products: Sequence[Mapping[str, str]]) -> str:
    hosts = {urlsplit(product.get("url", "")).hostname for product in products}
    return "Larkfell Outdoor" if DEMO_HOST in hosts else "Kefu · demo shop"


def _question(question: str) -> str:
    return f'<li><button type="button" class="question" data-ask="{escape(question)}">{escape(question)}</button></li>'


def _filters(categories: Sequence[str], words: Words) -> str:
    chosen = f'<button type="button" data-category="" aria-pressed="true">{words.everything}</button>'
    return chosen + "".join(
        f'<button type="button" data-category="{escape(name)}" aria-pressed="false">{escape(name)}</button>'
        for name in categories
    )


def _card(product: Mapping[str, str], words: Words) -> str:
    name = product.get("name") or product["sku"]
    image = product.get("image", "")
    picture = f'<img src="{escape(image)}" alt="" loading="lazy" width="320" height="240">' if image else ""
    return (
        f'<li class="product" data-category="{escape(product.get("category", ""))}">'
        f'<div class="picture">{picture}</div>'
        f"<h3>{escape(name)}</h3>"
        f'<p class="facts"><span class="price">{escape(_price(product))}</span>{_stock(product, words)}</p>'
        f'<button type="button" class="ask" data-ask="{escape(words.about.format(name=name))}" '
        f'aria-label="{escape(f"{words.ask}: {name}")}">{words.ask}</button>'
        "</li>"
    )


def _price(product: Mapping[str, str]) -> str:
    price, currency = product.get("price", ""), product.get("currency", "")
    return f"{_SIGNS[currency]}{price}" if price and currency in _SIGNS else f"{currency} {price}".strip()


def _stock(product: Mapping[str, str], words: Words) -> str:
    try:
        left = float(product.get("stock", ""))
    except ValueError:
        return ""
    state, told = ("some", words.in_stock) if left > 0 else ("none", words.sold_out)
    return f'<span class="stock {state}">{told}</span>'
