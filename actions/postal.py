"""Reads a postal address that a shopper wrote, on one line or several, or with the parts named."""

import re
from collections.abc import Mapping, Sequence

from actions.shop.records import Address

_COUNTRIES: Mapping[str, str] = {
    "usa": "USA",
    "us": "USA",
    "united states": "USA",
    "united states of america": "USA",
    "america": "USA",
    "uk": "United Kingdom",
    "united kingdom": "United Kingdom",
    "great britain": "United Kingdom",
    "england": "United Kingdom",
    "nl": "Netherlands",
    "netherlands": "Netherlands",
    "the netherlands": "Netherlands",
    "holland": "Netherlands",
    "荷兰": "Netherlands",
    "germany": "Germany",
    "deutschland": "Germany",
    "德国": "Germany",
    "belgium": "Belgium",
    "比利时": "Belgium",
    "france": "France",
    "法国": "France",
    "spain": "Spain",
    "italy": "Italy",
    "austria": "Austria",
    "ireland": "Ireland",
    "denmark": "Denmark",
    "sweden": "Sweden",
    "finland": "Finland",
    "poland": "Poland",
    "portugal": "Portugal",
    "china": "China",
    "中国": "China",
    "luxembourg": "Luxembourg",
    "switzerland": "Switzerland",
}

_STATE_ZIP = re.compile(r"(?P<state>[A-Z]{2})[\s,]+(?P<zip>\d{5}(?:-\d{4})?)")
_STATE = re.compile(r"[A-Z]{2}")
_ZIP = re.compile(r"\d{4}\s?[A-Z]{2}\b|\d{4,6}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}", re.IGNORECASE)
_ZIP_CITY = re.compile(rf"(?P<zip>{_ZIP.pattern})\s+(?P<city>\D+)", re.IGNORECASE)
_CITY_ZIP = re.compile(rf"(?P<city>\D+?)\s+(?P<zip>{_ZIP.pattern})", re.IGNORECASE)
_CITY_STATE = re.compile(r"(?P<city>[^\d,]+?)\s+(?P<state>[A-Z]{2})")
_SECOND = re.compile(r"(?:suite|apt|apartment|unit|flat|floor|bus|room|#)\b.*|.*\b(?:floor|单元|室)", re.IGNORECASE)
_STREET = re.compile(r".*\d.*")
_LEAD = re.compile(
    r"^.*?\b(?:address (?:is|to|as)|new address|live (?:at|in)|moved to|ship (?:it )?to|send (?:it )?to|it is|it's|"
    r"change it to|to)\s*:?\s+(?=\S*\d)|^地址(?:是|为|：|:)\s*",
    re.IGNORECASE | re.DOTALL,
)
_NAMED = re.compile(
    r"(?P<name>address ?1|address ?2|street|city|state|country|zip(?: ?code)?|post ?code|postal code)\s*[:=]\s*"
    r"(?P<value>[^,;\n]*)",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"""(?<![\w])(?:we|(?-i:[Hh](?:i|ello|ey)|[Oo](?:h|k|kay))|yes|yeah|yep|update|wrong
      |(?:^|(?-i:(?=[a-z])))(?:so|use|can|could|would|how|what|where)
      |(?:name|street)\sis|谢谢|你好|您好|moved|moving|thanks?|now|please|pls|plz|sorry|meant|mean|actually|instead|want
      |lives?\s(?:at|in|on|here|there|now)|i(?:['’]\w+|\s(?!st\b|street|ave|road|rd\b)\w+)|it(?:['’]s|\sis)
      |no(?!\.?\s*\d)|(?:send|ship|deliver|change)\s(?:it|this|that|them|to|the|my|our|order)
      |somewhere|elsewhere|(?:my|our|your|the|new)\s(?:new\s|own\s)?(?:order|address|home|house|place|parcel|package))(?!\w)
    |\#[a-z]*\d{5,}|(?<![^\W_])[a-z]{1,3}-?\d{6,}(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words that tell or ask something, and numbers of orders: no part of an address. "I Street" and "No. 7" are."""

_LABEL = re.compile(
    r"^(?:and\s)?(?:(?:the\s)?(?:post\s?code|zip(?:\scode)?|country)|the\s(?:street|city)|city(?=\D*$))(?:\sis)?\s+",
    re.IGNORECASE,
)
_HOUSE = re.compile(r"[^\W\d][^\d]*\s\d+[a-z]?", re.IGNORECASE)
_LEADS = re.compile(
    r".*(?:\b(?:at|in|to|is|be|it['’]s|address)\b\s*:?|:)\s+(?P<rest>.*\d.*)", re.IGNORECASE | re.DOTALL
)
_LAST = re.compile(
    r"(?:^|[\s.!。])(?:and|from|on|now|please|pls|plz|thanks|thank\syou|thx|cheers|instead)$", re.IGNORECASE
)
"""A word behind an address that belongs to no part of it."""

_CAPITAL = r"(?<!\w)[A-ZÀ-ÖØ-Þ][\w.'’-]*"
_PARTICLE = r"(?:de|der|den|des|du|la|le|van|von|vom|am|an|im|in|ter|ten|te|zu|zum|zur|of|the)"
_HOUSES = (
    re.compile(rf"\b\d+[A-Za-z]?(?:\s+{_PARTICLE})*(?:\s+{_CAPITAL})+"),
    re.compile(rf"(?:{_CAPITAL}\s+(?:{_PARTICLE}\s+)*)+\d+\s?[A-Za-z]?(?:[-/]\d+[A-Za-z]?)?(?!\w)"),
)
"""A house number before the street, as in English, or behind it."""

_NAMES = {"street": "address1", "zipcode": "zip", "postcode": "zip", "postalcode": "zip"}

PARTS = ("address1", "city", "zip", "country")
"""What no address can be without."""


def read_address(text: str, home: str = "") -> Address | tuple[str, ...]:
    """The address, or the names of the parts that are missing; all of `PARTS` when the text holds none.

    What else is said around the parts belongs to none of them: a part that cannot be told from it is missing.
    ``home`` is the country that is meant where none is named.
    """
    parts = _named(text) or _placed(_LEAD.sub("", text.strip()))
    if parts.get("state") and not parts.get("country"):
        parts["country"] = "USA"
    if parts.get("address1") and home:
        parts.setdefault("country", home)
    missing = tuple(name for name in PARTS if not parts.get(name))
    if missing:
        return missing
    return Address(*(parts.get(name, "") for name in ("address1", "address2", "city", "state", "country", "zip")))


def _named(text: str) -> dict[str, str]:
    """Parts that were written as ``city: Utrecht``."""
    found = {}
    for match in _NAMED.finditer(text):
        name = match["name"].casefold().replace(" ", "")
        value = _ended(match["value"].strip())
        found[_NAMES.get(name, name)] = "" if _TALK.search(value) else value
    if "country" in found:
        found["country"] = _COUNTRIES.get(found["country"].casefold(), found["country"])
    return found if len(found) > 2 else {}


def _placed(text: str) -> dict[str, str]:
    """Parts by what they look like, whatever their order; what is left is street, addition, city as they stand."""
    found: dict[str, str] = {}
    pieces = [plain for piece in re.split(r"[,，\n;]", text) if (plain := _plain(piece.strip().rstrip(".。")))] or [""]
    # "1234 Elm St" looks like a postcode with its city, but where another one stands too it is the street.
    if _STREET.fullmatch(pieces[0]) and any(_has_postcode(piece) for piece in pieces[1:]):
        found["address1"] = pieces.pop(0)
    _streets([piece for piece in pieces if piece and not _take(piece, found)], found)
    return found


def _ended(piece: str) -> str:
    """A piece without the thanks and the like behind it."""
    piece = piece.rstrip(" .!?。？")
    while last := _LAST.search(piece):
        piece = piece[: last.start()].rstrip(" .!?。？")
    return piece


def _plain(piece: str) -> str:
    """A piece without what was said around it; empty where nothing but that is left."""
    piece = _LABEL.sub("", _ended(" ".join(piece.split())))
    if _SECOND.fullmatch(piece) and not _TALK.search(piece):
        return piece
    led = _LEADS.fullmatch(piece)
    if led and (":" in piece or _TALK.search(piece)) and not _TALK.search(led["rest"]):
        return led["rest"]
    if not _TALK.search(piece):
        return piece
    for pattern in _HOUSES:
        for found in reversed(pattern.findall(piece)):
            words = found.split()[-8:]
            rests = (" ".join(words[at:]) for at in range(len(words) - 1))
            if house := next((rest for rest in rests if not _TALK.search(rest)), None):
                return house
    *_, last = _TALK.finditer(piece)
    if _HOUSE.fullmatch(rest := piece[last.end() :].strip()):
        return rest
    # A country that is lost would be taken for the shopper's own.
    begins = [" ".join(re.findall(r"\w+", piece)[:count]) for count in (1, 2, 3, 4)]
    return next((country for country in reversed(begins) if country.casefold() in _COUNTRIES), "")


def _has_postcode(part: str) -> bool:
    return any(pattern.fullmatch(part) for pattern in (_STATE_ZIP, _ZIP, _ZIP_CITY, _CITY_ZIP))


def _take(part: str, found: dict[str, str]) -> bool:
    """Whether a part is a country, a state, a postcode, or a city with one of these."""
    if part.casefold() in _COUNTRIES and "country" not in found:
        found["country"] = _COUNTRIES[part.casefold()]
        return True
    if (match := _STATE_ZIP.fullmatch(part)) and "zip" not in found:
        found |= match.groupdict()
        return True
    if _STATE.fullmatch(part) and "state" not in found:
        found["state"] = part
        return True
    if _ZIP.fullmatch(part) and "zip" not in found:
        found["zip"] = part
        return True
    # A house number is no postcode: the street comes first.
    for pattern in (_ZIP_CITY, _CITY_ZIP):
        if "zip" not in found and "city" not in found and (match := pattern.fullmatch(part)):
            found["zip"] = match["zip"].strip()
            found |= _city(match["city"].strip())
            return True
    if (match := _CITY_STATE.fullmatch(part)) and "state" not in found:
        found |= {"city": match["city"], "state": match["state"]}
        return True
    return False


def _city(text: str) -> dict[str, str]:
    match = _CITY_STATE.fullmatch(text)
    return {"city": match["city"], "state": match["state"]} if match else {"city": text}


def _streets(left: Sequence[str], found: dict[str, str]) -> None:
    """What has a number and comes first is the street; suites and floors are additions; the rest is the city."""
    for part in left:
        if _SECOND.fullmatch(part) and "address1" in found:
            found.setdefault("address2", part)
        elif "address1" not in found and _STREET.fullmatch(part):
            found["address1"] = part
        elif "city" not in found and not any(letter.isdigit() for letter in part):
            found["city"] = part
        else:
            found.setdefault("address2", part)
