"""Patterns that every shop needs, their canonical values, and what counts as an answer to a question for a slot.

Every repetition is bounded and every pattern starts with something rare or a boundary, so that all of them are linear.
Boundaries are spelt out, because to ``\\w`` and ``\\b`` a Chinese character beside a digit is one word with it.
"""

import re
from datetime import date

_NUMBER = r"\d{1,7}(?:[.,' ]\d{3}){0,3}(?:[.,]\d{1,2})?(?!\d)"
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "CNY", "￥": "CNY"}
_CURRENCIES = {
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "欧": "EUR", "欧元": "EUR",
    "usd": "USD", "dollar": "USD", "dollars": "USD", "bucks": "USD", "美元": "USD", "美金": "USD", "刀": "USD",
    "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "quid": "GBP", "英镑": "GBP",
    "cny": "CNY", "rmb": "CNY", "yuan": "CNY", "元": "CNY", "块": "CNY", "块钱": "CNY", "人民币": "CNY",
    "chf": "CHF", "francs": "CHF", "sek": "SEK", "dkk": "DKK", "nok": "NOK", "pln": "PLN",
}  # fmt: skip
_WORDS = "|".join(sorted((re.escape(word) for word in _CURRENCIES), key=len, reverse=True))
_CODES = "EUR|USD|GBP|CNY|RMB|CHF"

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?:,?\s(?:19|20)\d\d)?"

PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for name, pattern in (
        ("order_number", r"(?<![A-Z0-9_#])\#\s?(?P<value>[A-Z]{0,4}-?\d{4,14})(?![A-Z0-9_-])"),
        ("order_number", r"(?<![A-Z0-9_-])[A-Z]{1,4}-?\d{5,14}(?![A-Z0-9_-])"),
        (
            "order_number",
            r"""(?:order|purchase|ordernr|bestelling|bestelnummer|bestellung|bestellnummer|commande|pedido|ordine
            |订单号?|单号)(?:\s?(?:number|no|nr|num|id|nummer|号码?))?[\s.:#：是为]{0,4}(?P<value>\d{4,15})(?!\d)""",
        ),
        ("email", r"(?<![A-Z0-9._%+-])[A-Z0-9._%+-]{1,64}@[A-Z0-9-]{1,63}(?:\.[A-Z0-9-]{1,63}){1,5}(?![A-Z0-9-])"),
        ("phone", r"(?<![A-Z0-9_#-])(?:\+|00)[1-9](?:[\s()./-]{0,2}\d){7,13}(?!\d)"),
        ("phone", r"(?<![A-Z0-9_#-])1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)"),
        ("phone", r"(?<![A-Z0-9_#.,-])\(?0[1-9]\d{0,3}\)?(?:[\s/-]?\d){6,9}(?!\d)"),
        ("amount", rf"(?:[€$£¥￥]|(?<![A-Z])(?:{_CODES}))\s?{_NUMBER}"),
        ("amount", rf"(?<![A-Z0-9_.,-]){_NUMBER}\s?(?:[€$£]|(?:{_WORDS})(?![a-z]))"),
        ("size", r"(?<![A-Z0-9_'’&-])(?-i:XXS|XS|XL|XXL|XXXL|[2-6]XL)(?![A-Za-z0-9'’&-])"),
        ("size", r"(?<![A-Z])(?:size|maat|größe|taille|talla|taglia)\s(?:(?:EU|UK|US)\s?)?"
                 r"(?P<value>XXS|XS|S|M|L|XL|XXL|XXXL|\d{1,2}(?:[.,]5)?)(?![A-Z0-9_-])"),
        ("size", r"(?<![A-Z0-9_.,])(?:EU|UK|US)\s?\d{1,2}(?:[.,]5)?(?![A-Z0-9_-])"),
        ("size", r"(?<![A-Z0-9])(?P<value>XXS|XS|S|M|L|XL|XXL|XXXL|\d{2}(?:\.5)?)\s?码"),
        ("size", r"[特加]?大号|中号|[特加]?小号|均码"),
        ("date", r"(?<![A-Z0-9_.-])(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?![A-Z0-9_-])"),
        ("date", r"(?<![A-Z0-9_.-])(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d(?![A-Z0-9_-])"),
        ("date", rf"(?<![A-Z0-9_.-])(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTH})\b\.?{_YEAR}"),
        ("date", rf"(?<![A-Z0-9_-])(?:{_MONTH})\.?\s(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?![A-Z0-9_:.%]){_YEAR}"),
        ("date", r"(?<!\d)(?:(?:19|20)\d\d年)?(?:0?[1-9]|1[0-2])月(?:[12]\d|3[01]|0?[1-9])[日号]?"),
    )
)  # fmt: skip
"""Entity name and pattern; the group ``value``, where there is one, is the entity."""

_LENIENT = {
    "order_number": re.compile(r"(?<![A-Za-z0-9_'’])#?\s?(?:[A-Za-z]{1,4}[\s-]?)?\d{4,15}(?![A-Za-z0-9_])"),
    "size": re.compile(
        r"(?<![A-Za-z0-9_'’])(?:XXS|XS|S|M|L|XL|XXL|XXXL|[2-6]XL|\d{1,2}(?:[.,]5)?)(?![A-Za-z0-9_])", re.IGNORECASE
    ),
    "amount": re.compile(r"(?<![A-Za-z0-9_'’])\d{1,7}(?:[.,]\d{1,2})?(?![A-Za-z0-9_])"),
    "phone": re.compile(r"(?<![A-Za-z0-9_'’])\d(?:[\s()./-]{0,2}\d){6,13}(?![A-Za-z0-9_])"),
}


def lenient(name: str, text: str) -> tuple[int, int] | None:
    """The span of the only thing in ``text`` that can be ``name``, given that the shopper was just asked for it."""
    pattern = _LENIENT.get(name)
    matches = list(pattern.finditer(text)) if pattern else []
    return matches[0].span() if len(matches) == 1 else None


def canonical(name: str, surface: str) -> str:
    """The value that ``surface`` stands for: ``€ 1.299,50`` is ``1299.50 EUR``, ``3 May 2026`` is ``2026-05-03``."""
    match name:
        case "email":
            return surface.lower()
        case "phone":
            return _phone(surface)
        case "amount":
            return _amount(surface)
        case "size":
            return surface.upper().replace(",", ".")
        case "date":
            return _date(surface)
        case "order_number":
            return surface.lstrip("# ").upper()
        case _:
            return surface


def _phone(surface: str) -> str:
    digits = re.sub(r"\D", "", surface)
    if surface.startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _amount(surface: str) -> str:
    number = re.search(r"\d[\d.,' ]*", surface)
    if number is None:
        return surface
    letters = (surface[: number.start()] + surface[number.end() :]).strip().lower()
    currency = _SYMBOLS.get(letters) or _CURRENCIES.get(letters, "")
    return f"{_decimal(number[0].strip())} {currency}".strip()


def _decimal(written: str) -> str:
    """``1.299,50``, ``1,299.50`` and ``1299.5`` as Python writes them; three digits after a mark are thousands."""
    parts = re.split(r"[.,' ]", written.rstrip(".,' "))
    if len(parts) > 1 and len(parts[-1]) < 3:
        return f"{''.join(parts[:-1])}.{parts[-1]}"
    return "".join(parts)


def _date(surface: str) -> str:
    """ISO 8601 where the year is said, else ``MM-DD``; as written where it cannot be a date."""
    numbers = [int(part) for part in re.findall(r"\d+", surface)]
    month = next((_MONTHS[word] for word in re.findall(r"[a-z]+", surface.lower()) if word in _MONTHS), None)
    if month is not None:
        day, year = numbers[0], numbers[1] if len(numbers) > 1 else None
    elif len(numbers) == 2:
        (month, day), year = numbers, None
    elif numbers[0] > 31:
        year, month, day = numbers
    else:
        day, month, year = numbers
    try:
        checked = date(year or 2024, month, day)  # 2024 has a 29 February.
    except ValueError:
        return surface
    return checked.isoformat() if year else checked.strftime("%m-%d")
