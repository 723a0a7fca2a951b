"""Words of a text as the lexical index and the catalogue see them: stems, numbers, codes, Chinese bigrams."""

import re
import unicodedata
from functools import lru_cache

_CJK = r"\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af"
_LETTER = rf"[^\W_{_CJK}]"
_TOKEN = re.compile(
    rf"(?P<cjk>[{_CJK}]+)"
    # 2,150 and 2.150,00 and 3.95 are one number each; a code holds letters, digits and inner hyphens.
    rf"|(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?!{_LETTER}|-)|\d+[.,]\d+(?!{_LETTER}|[.-])|\d+(?!{_LETTER}|-))"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*(?:-{_LETTER}+)*)"
)
_DIMENSION = re.compile(r"(\d+(?:\.\d+)?)([a-z]{1,3})")
_ENGLISH = re.compile(r"[a-z]+")
_VOWEL = re.compile(r"[aeiouy]")


def words_of(text: str) -> list[str]:
    """The tokens of a text, in order and with repetitions.

    English words are stemmed lightly; a hyphenated word or code stands whole and in its parts, so that ``LFT-TARN2``
    is found by ``lft-tarn2`` and ``lft tarn2``; Chinese runs become character bigrams, as word segmentation costs a
    dictionary and gains little in retrieval (Nie et al. 2000).
    """
    tokens: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).lower()):
        token = match.group()
        match match.lastgroup:
            case "cjk":
                tokens += [token[at : at + 2] for at in range(len(token) - 1)] or [token]
            case "number":
                tokens.append(number(token))
            case _:
                tokens += _parts(token)
    return tokens


def number(written: str) -> str:
    """A number as it is compared: ``2,150`` is ``2150``, ``3,95`` is ``3.95``, ``300.00`` is ``300``."""
    whole = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", written)
    text = written.replace(",", "" if whole else ".")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _parts(token: str) -> list[str]:
    token = token.replace("’", "'")
    if "-" not in token:
        sized = _DIMENSION.fullmatch(token)
        # "30cm" and "30 cm" are the same words.
        return [number(sized[1]), sized[2]] if sized else [stem(token)]
    parts = [stem(part) for part in token.split("-")]
    # A code stays whole, because only the whole names the thing; "two-person" is just two words.
    return [token, *parts] if any(character.isdigit() for character in token) else parts


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """An English word without its plural, ``-ing`` or ``-ed``, and the possessive; other words as they are.

    Harman's S-stemmer (1991) with the first step of Porter's: enough for questions, and it never joins words apart.
    """
    word = word.removesuffix("'s").replace("'", "")
    if len(word) <= 3 or not _ENGLISH.fullmatch(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and _VOWEL.search(root):
            # shipped -> ship, but not call -> cal
            return root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
    return word[:-1] if word.endswith("e") and len(word) > 4 else word
