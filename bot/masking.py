"""Takes personal data out of what a shopper wrote, before it reaches a writer that may run elsewhere. Pure.

Patterns find e-mail addresses, account and card numbers, and any long number: phone, order or tracking number. Names
and streets have no pattern; what is not needed is not sent at all (no turn before, no metadata).
"""

import re

_EMAIL = re.compile(
    r"[\w.+-]{1,64}\s{0,2}(?:@|\[at\]|\(at\))\s{0,2}[\w-]{1,63}(?:\s{0,2}(?:\.|\[dot\]|\(dot\))\s{0,2}[\w-]{1,63}){1,5}",
    re.I,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", re.I)
_LONG_NUMBER = re.compile(r"(?<!\d)\+?\(?\d(?:[ ().\-/]{0,3}\d){5,30}(?!\d)")
_DATE_OR_PRICE = re.compile(r"\d{1,6}\.\d{2}|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")


def mask(text: str) -> str:
    """``text`` with ``[email]``, ``[account]`` and ``[number]`` where these stood; a fixed point of itself."""
    text = _EMAIL.sub("[email]", text)
    text = _IBAN.sub(lambda match: "[account]" if any(c.isdigit() for c in match[0][4:]) else match[0], text)
    return _LONG_NUMBER.sub(lambda match: match[0] if _DATE_OR_PRICE.fullmatch(match[0]) else "[number]", text)
