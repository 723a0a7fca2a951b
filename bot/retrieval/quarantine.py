"""Knowledge that speaks to the model instead of the shopper is recognised here, and never indexed.

A page that a supplier, a scraper or an attacker wrote may carry orders for an assistant. A shop's own text speaks of
orders, rules, systems and customers all day, so a pattern needs both an address ("you, the assistant") and an order.
Sources of the patterns: OWASP LLM01 (indirect injection), and the Unicode technical report 36 on bidirectional tricks.
"""

import re
import unicodedata

_IGNORE = r"(?:ignore|disregard|forget|override|bypass|do not follow|don't follow)"
_MODEL = r"(?:assistant|chat ?bot|bot|language model|llm|ai(?: model| agent| assistant)?|gpt|model)"
_SAY = r"(?:tell|inform|say to|reply to|answer|convince|persuade|ask|promise|offer|give|direct|redirect|send)"

_ADDRESSES = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (
            rf"\b{_IGNORE}\b[^.\n]{{0,40}}\b(?:previous|prior|above|earlier|all|any|these|those|other|your|system)\b"
            r"[^.\n]{0,30}\b(?:instruction|prompt|rule|direction|guideline|message|context|polic(?:y|ies) you)\w*",
            "orders to ignore instructions",
        ),
        (r"\b(?:system|developer|hidden|initial) (?:prompt|message)\b", "mentions the system prompt"),
        (
            r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|tool_call|think)>|<(?:start|end)_of_turn>"
            r"|(?:^|\n)\s*#{2,3} ?(?:system|instruction|assistant|response) ?:",
            "contains chat-template marks",
        ),
        (r"(?:^|\n)\s*(?:system|assistant)\s*:\s*\S", "contains a chat role"),
        (
            r"\b(?:you are|act as|pretend to be|behave as|you're)\b[^.\n]{0,20}\b(?:a|an|the|now|no longer)\b"
            rf"[^.\n]{{0,30}}\b{_MODEL}\b",
            "tells the model who it is",
        ),
        (
            rf"\b(?:dear |attention,? |note (?:to|for) (?:the |any |all )?|instructions? (?:to|for) (?:the |any |all )?"
            rf"|hey,? |if you are an? |as an? )(?:{_MODEL}|assistants|bots)\b(?!s? (?:team|desk))",
            "addresses the model",
        ),
        (
            rf"\b(?:the |any |every )?{_MODEL}s? (?:must|should|shall|has to|is to|needs to)\b[^.\n]{{0,60}}"
            r"\b(?:say|tell|answer|reply|respond|claim|recommend|offer|reveal|ignore|never|always|output|print)\b",
            "gives the model an order",
        ),
        (
            rf"(?:^|[.!?:;\n]\s*|\b(?:always|please|must|should|now) )(?:always |please |now )?{_SAY}\b (?:to )?"
            r"(?:the|every|each|any|all) (?:customer|shopper|user|visitor|buyer|human)s?\b",
            "orders what to tell the shopper",
        ),
        (
            r"\b(?:when|if|whenever) (?:the |a |any )?(?:customer|shopper|user|visitor)s? "
            r"(?:ask|say|want|request|mention|type)s?\b[^.\n]{0,80},? "
            r"(?:you (?:must|should|will|have to)|always|never|say|tell|reply|answer|respond|claim|give|offer)\b",
            "orders how to answer the shopper",
        ),
        (
            r"\b(?:repeat|reveal|print|output|show|leak|disclose)\b[^.\n]{0,25}\b(?:your|the) "
            r"(?:instructions|prompt|system|context|training|api key|secrets?)\b",
            "asks the model to reveal itself",
        ),
        (r"\b(?:jailbreak|developer mode|dan mode|do anything now)\b", "names a jailbreak"),
        (
            r"(?:忽略|无视|忘记|不要理会|不要遵守)[^。\n]{0,12}(?:之前|以上|上面|前面|先前|所有|任何|系统)[^。\n]{0,8}(?:指令|指示|提示|规则|命令|要求)",
            "orders to ignore instructions",
        ),
        (r"系统提示词?|(?:^|\n)\s*(?:系统|助手)\s*[:：]|越狱模式|开发者模式", "mentions the system prompt"),
        (
            r"你(?:现在)?是一?[个名位]?[^。\n]{0,10}(?:助手|机器人|语言模型|AI)|(?:AI|智能)助手(?:必须|应该|请)",
            "tells the model who it is",
        ),
        (
            r"(?:^|[。！？\n]\s*)(?:请|必须|务必)?(?:告诉|回复|告知)(?:所有|每[位个]|任何)?(?:顾客|客户|用户|买家)",
            "orders what to tell the shopper",
        ),
    )
)

_JOINERS = frozenset("\u200c\u200d")
"""Emoji and some scripts need them between two letters; they hide nothing there."""


def suspicion(text: str) -> str | None:
    """Why a text must not become knowledge, or None; precise on what shops write.

    Look-alike letters and invisible characters are reported before anything is read, because they hide the rest.
    """
    hidden = _hidden(text)
    if hidden:
        return hidden
    folded = unicodedata.normalize("NFKC", text)
    for pattern, reason in _ADDRESSES:
        found = pattern.search(folded)
        if found:
            return f"{reason}: {found.group().strip()[:80]!r}"
    return None


def _hidden(text: str) -> str | None:
    for at, character in enumerate(text):
        # A byte-order mark opens many honest files; a soft hyphen only says where a word may break.
        if character < "\u0300" or (character == "\ufeff" and at == 0):
            continue
        if unicodedata.category(character) == "Cf":
            between = 0 < at < len(text) - 1 and not text[at - 1].isspace() and not text[at + 1].isspace()
            if character in _JOINERS and between and not (text[at - 1].isascii() and text[at + 1].isascii()):
                continue
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            return f"contains a hidden character ({name})"
    return None
