"""Tells the language of a short text: by its script, and for Latin letters by the small words it uses."""

import re
from collections import Counter

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_URL_OR_MAIL = re.compile(r"https?://[!-~]{1,2048}|[!-~]{1,64}@[!-~]{1,255}")
"""Of ASCII letters alone: Chinese words stand beside them without a space."""

_SCRIPTS: tuple[tuple[str, str], ...] = (
    # Kana before Han: Japanese uses both, Chinese only the latter.
    ("ja", "\u3040-\u30ff\uff66-\uff9f"),
    ("ko", "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"),
    ("zh", "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f"),
    ("ru", "\u0400-\u04ff"),
    ("ar", "\u0600-\u06ff"),
    ("he", "\u0590-\u05ff"),
    ("el", "\u0370-\u03ff"),
    ("th", "\u0e00-\u0e7f"),
    ("hi", "\u0900-\u097f"),
)
_SCRIPT = re.compile("|".join(f"(?P<{code}>[{characters}])" for code, characters in _SCRIPTS))
_UKRAINIAN = re.compile("[іїєґ]", re.IGNORECASE)

_WORDS: dict[str, str] = {
    "en": """a about after am an and any anything are as at be because been before buy by can cancel cannot could day
        days deliver did do does don't doesn't didn't dont for from get give go got had has have haven't hello help her
        here hey how i i'd i'll i'm i've if in is isn't it it's item just know let like make many me money months more
        much must my need no not of off on one or our out over please price product refund return send she should so
        some something still take tell than thank thanks that that's the their them then there these they thing this
        those to today too track u up us use using want was way we were what what's when where where's which who why
        will with won't work would wrong ya year yes yet you your""",
    "nl": """aan alleen als ben bent bestelling betalen bij binnen dan dat de deze die dit doen door dus een eens er
        geen geld gekregen goed graag had hallo heb hebben hebt heeft het hoe hoeveel iets ik in is ja jij je jullie
        kan komt kosten krijg kunnen kun lang maar maat maken mag me meer met mij mijn moet naar nee niet nog nu of om
        ook op over pakket retour te terug tot u uit van veel voor waar waarom wanneer was wat we wel welke werkt
        wij wil worden wordt zijn zo zonder levering levertijd dank bedankt""",
    "de": """aber alle als am an auch auf aus bei bekommen bestellung bezahlen bin bis bitte da danke das dass dein dem
        den der des die dies diese doch du ein eine einem einen einer er es für geht gibt größe guten habe haben hallo
        hat hätte ich ihr ihre im in ist ja kann kein keine können könnte lange lieferung man mehr mein meine meinem
        meinen meiner mich mir mit möchte muss nach nein nicht noch nur oder paket schon sehr sie sind so und uns
        viel vom von vor wann war warum was welche wenn wer werden wie wieder will wird wo wurde zu zum zur zurück""",
    "fr": """à alors après au aussi aux avec avez avoir bien bonjour c'est ce cela ces cet cette chez colis combien
        commande comment d'un dans de des délai depuis du elle en encore es est et était être faire fait ils j'ai je
        jour la le les leur livraison ma mais me mes moi mon n'ai n'est ne nous on ou où par pas peut peux plus pour
        pourquoi puis qu'il quand que quel quelle qui quoi remboursement retour sa salut sans se ses si son sont suis
        sur taille te tu un une veux voici voudrais vous vos votre merci""",
    "es": """al ahora algo aquí año ayuda bien buenas buenos cómo como con cuál cuándo cuando cuánto cuanto cuesta de
        del desde dinero donde dónde el ella en envío entrega es esta está están este esto estoy fue gracias ha hacer
        hasta hay he hola la las llega llegado lo los más me mi mis mucho muy necesito ni no nos o para pedido pero
        por porque puede puedo qué que quiero se ser si sí sin sobre son su talla también tengo tiene tienen todavía
        todo un una usted ustedes y ya yo""",
    "it": """a al alla anche ancora arriva arrivato avete bene buongiorno c'è che chi ci ciao come con cosa così
        da dal dei del della delle di di dopo dove due e è era fare fra giorni gli grazie ha hai ho i il in io la le
        lo ma mi mia mio molto ne nel nella no noi non o ogni ordine ordinato pacco per perché più posso prezzo può
        quale quando quanto quanto quello questa questo reso rimborso sarà se senza si sì sono spedizione su sul
        taglia tra tutto un una vi voglio vorrei""",
    "pt": """a ainda ao as até bem boa bom chegou como da das de do dos e ela ele em encomenda entrega é está
        estou eu foi isso já mais mas me meu minha muito na não nas no nos o obrigada obrigado oi olá onde os ou para
        pedido pela pelo por porque posso preciso prazo quando quanto que quero se sem ser são sua tamanho tem tenho
        um uma você vocês""",
    "pl": """ale bardzo było będzie brak chcę cześć czy dla do dzień dobry dziękuję gdzie go i ile ja jak jest jestem
        kiedy która które który ma mam mi mnie moje moja mojego może mogę mój na nie od o po proszę przez się są ta
        tak tego ten to w we witam z za zamówienie zwrot że""",
    "tr": """bana ben beni bir bu çok da daha de değil et evet gün hayır için iade ile iyi kaç kadar kargo lütfen
        merhaba mi mı mu ne nasıl nerede ne sipariş siparişim siz sonra şu teşekkürler ürün var ve veya yok""",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _listed in _WORDS.items():
    for _word in dict.fromkeys(_listed.split()):
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)

_LETTERS: dict[str, tuple[str, ...]] = {
    "ß": ("de",),
    "ä": ("de",),
    "ö": ("de", "tr"),
    "ü": ("de", "tr"),
    "ñ": ("es",),
    "¿": ("es",),
    "¡": ("es",),
    "ã": ("pt",),
    "õ": ("pt",),
    "ç": ("fr", "pt", "tr"),
    "ê": ("fr", "pt"),
    "è": ("fr", "it"),
    "ù": ("fr", "it"),
    "ò": ("it",),
    "ì": ("it",),
    "œ": ("fr",),
    "ł": ("pl",),
    "ż": ("pl",),
    "ź": ("pl",),
    "ś": ("pl",),
    "ę": ("pl",),
    "ą": ("pl",),
    "ğ": ("tr",),
    "ş": ("tr",),
    "ı": ("tr",),
}
"""Letters that few languages use; each is as good as a small word."""

_MARGIN = 0.5
"""How much better than the conversation's own language another must score: one word that only it has."""


def detect_language(text: str, previous: str = "en") -> str:
    """The ISO 639-1 code of the language of ``text``.

    Without evidence ("ok", "LF-204518", an emoji), or where the evidence is level, the answer is ``previous``,
    the language of the conversation so far. English and Chinese are meant to be right; other languages in Latin
    letters (nl, de, fr, es, it, pt, pl, tr) are a best effort, and other scripts stand for their largest language.
    """
    plain = _URL_OR_MAIL.sub(" ", text)
    scripts = Counter(match.lastgroup for match in _SCRIPT.finditer(plain))
    words = [word.lower().replace("’", "'") for word in _WORD.findall(_SCRIPT.sub(" ", plain))]
    if scripts:
        code, count = scripts.most_common(1)[0]
        # A Chinese question about an "XL Tarn 2 Light Tent" is Chinese: names are often Latin, so two Latin words
        # weigh as much as one character of another script.
        if code is not None and 2 * count >= len(words):
            return _refine(code, scripts, plain)
    return _latin(words, plain.lower(), previous)


def is_other_script(language: str) -> bool:
    """Whether ``language``, as `detect_language` names it, is not written in Latin letters."""
    return language not in _WORDS


def _refine(code: str, scripts: Counter[str | None], text: str) -> str:
    if code == "zh" and scripts["ja"]:
        return "ja"
    if code == "ru" and _UKRAINIAN.search(text):
        return "uk"
    return code


def _latin(words: list[str], text: str, previous: str) -> str:
    scores: Counter[str] = Counter()
    for word in words:
        for language in (languages := _LANGUAGES_OF.get(word, ())):
            # A word shared by n languages says little: "in" is English, Dutch, German and Italian.
            scores[language] += 1 / len(languages) ** 2  # type: ignore[assignment]  # A Counter adds floats too.
    for letter in set(text) & _LETTERS.keys():
        for language in _LETTERS[letter]:
            scores[language] += 1 / len(_LETTERS[letter])  # type: ignore[assignment]  # As above.
    if not scores:
        return previous
    best, score = max(scores.items(), key=lambda item: item[1])
    return best if score >= scores.get(previous, 0) + _MARGIN or previous not in _WORDS else previous
