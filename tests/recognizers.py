"""A small shop for recognizers, and what tests need to run a real Rasa beside it."""

from pathlib import Path

from bot.settings import Settings, read_settings

MODELS = Path(__file__).parents[1] / ".kefu" / "models"

EXAMPLES = {
    "greet": ["hello", "hi there", "good morning", "hey", "good evening", "你好", "您好"],
    "order_status": [
        "where is my order", "track my parcel", "has [LF-204518](order_number) been shipped", "my package is late",
        "when will my order arrive", "我的订单到哪了", "包裹什么时候到",
    ],
    "return_item": [
        "I want to return my jacket", "send back an item", "how do I return this", "it does not fit, take it back",
        "return my order please", "我要退货", "怎么退货",
    ],
    "payment_methods": [
        "can I pay by credit card", "do you take PayPal", "which payment methods are there", "pay with an invoice",
        "is cash possible", "可以用支付宝吗", "怎么付款",
    ],
    "store_visit": [
        "where is your store", "opening hours", "are you open on Sunday", "can I visit the showroom",
        "is there a shop in Utrecht", "你们有实体店吗", "几点开门",
    ],
    "talk_to_human": [
        "I want to talk to a person", "human please", "let me speak to an agent", "can I chat with an employee",
        "connect me to customer service", "转人工", "我要找人工客服",
    ],
}  # fmt: skip

RASA_EXAMPLES = EXAMPLES | {
    "faq/gift_wrap": [
        "do you wrap gifts", "can you gift wrap it", "I need gift wrapping", "is there wrapping paper for a gift",
        "gift wrap please",
    ],
    "faq/newsletter": [
        "how do I unsubscribe from the newsletter", "stop the newsletter", "I get too many newsletters",
        "subscribe me to the newsletter", "newsletter please",
    ],
    "reroute": [
        'send it from [Utrecht]{"entity": "city", "role": "from"} to [Ghent]{"entity": "city", "role": "to"}',
        'move it from [Delft]{"entity": "city", "role": "from"} to [Leiden]{"entity": "city", "role": "to"}',
        'reroute from [Breda]{"entity": "city", "role": "from"} to [Utrecht]{"entity": "city", "role": "to"}',
        'from [Ghent]{"entity": "city", "role": "from"} to [Delft]{"entity": "city", "role": "to"} please',
        'from [Leiden]{"entity": "city", "role": "from"} to [Breda]{"entity": "city", "role": "to"}',
    ],
}  # fmt: skip
"""The small shop, and what only Rasa has: retrieval intents and roles."""


def write_shop(folder: Path, examples: dict[str, list[str]]) -> Settings:
    """A shop with nothing but ``examples``, and its settings; the exported encoders are shared with all tests."""
    (folder / "knowledge" / "intents").mkdir(parents=True)
    blocks = (
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
        for intent, lines in examples.items()
    )
    text = 'version: "3.1"\nnlu:\n' + "".join(blocks)
    (folder / "knowledge" / "intents" / "nlu.yml").write_text(text, encoding="utf-8")
    (folder / "data").mkdir()
    MODELS.mkdir(parents=True, exist_ok=True)
    (folder / "data" / "models").symlink_to(MODELS)  # The export takes half a minute; one is enough for all tests.
    return read_settings({"knowledge": folder / "knowledge", "data": folder / "data"})
