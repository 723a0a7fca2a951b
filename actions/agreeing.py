"""Tells a shopper's plain yes or no to a summary from everything else, by rules alone.

What is done cannot be taken back, so only a message that is a yes from end to end is one; any other is asked again.
The assistant reads the same words in `bot/dialogue/turning.py`; a test keeps the two alike.
"""

import re
import unicodedata

_LONGEST = 120
"""Characters; who writes more says more than yes."""

_SHORT = 4
"""Words; a longer message is no mere no of a language that the rules do not know."""

_YES = r"""(?: (?:(?:hell|heck|oh|ah|well|omg)\s)?ye+s+(?:\sindeed)? | y | ya | yea | yeah | yep | yup
    | sure(?:\sthing)? | for\ssure | of\scourse
    | certainly | ok | okay | al?l\s?right | fine | great | perfect
    | correct | right | exactly | absolutely | definitely | agreed
    | confirm(?:ed)? | ja | oui | s[ií] | i\s(?:agree|confirm) | i\s?'?a?m\ssure | works\sfor\sme | /affirm
    | (?:that|this|it|all|everything)(?:'s|\sis)?\s(?:all\s)?(?:right|correct|fine|good|perfect|ok|okay)
    | (?:looks|sounds)\s(?:right|correct|fine|good|great|perfect|ok|okay)
    | (?:please|just|let's)\s(?:go\sahead|do\s(?:it|that|this|so)|proceed|confirm)
    | go\sahead | go\sfor\sit | do\s(?:it|that|this|so) | please\sdo | proceed | (?:i\s)?confirm\s(?:it|this|that) )"""
_WISH = r"""(?:(?:i(?:\swant|'d\slike|\swould\slike)\s(?:you\s)?to|you\s(?:can|may|should)|please|just)\s)*
    (?:cancel|return|exchange|refund|send|register|submit)
    (?:\s(?:it|this|that|them|these|those|(?:the|my|this|that|these|those)\s(?:order|items?)(?:\s\#?[\w-]*\d[\w-]*)?)
      (?:\sback)? )?"""
_KIND = r"(?:please|pls|plz|thanks|thank\syou|thx|cheers)(?:\s(?:so|very)\smuch)?"
_HASTE = r"""(?:now|right\s(?:now|away)|already|immediately|at\sonce|asap|quick(?:ly)?|fast|hurry(?:\sup)?
    | come\son|ffs|(?:god)?dam(?:n(?:\s?it)?|mit)|fuck(?:ing)?|for\s(?:god|heaven|christ|pete|fuck)(?:'?s)?\ssake)"""
_AND = r"(?:[\s,.;!:)-]+(?:(?:and|then)\s)?)"
_PLAIN_YES = re.compile(rf"{_YES}(?:{_AND}(?:{_YES}|{_WISH}|{_KIND}|{_HASTE}))*[\s.!)]*", re.VERBOSE)

_CHINESE_YES = re.compile(
    r"""(?:嗯|是|对|好|可以|行|没错|没问题|确认|确定|同意|当然|就这样)[的啊呀吧嘞]?
    (?:[\s,，、.。!！~]*(?:(?:嗯|是|对|好|可以|行|没错|没问题|确认|确定|同意|当然|就这样|谢谢[您你]?|麻烦[您你]了?|拜托了?
      |(?:请|快|赶紧|马上|立刻)?(?:继续|办理|操作|处理|取消|退货|退款|换货|修改|改|退|换)(?:它|订单|这个订单)?
      |快一?点儿?|赶紧|赶快|马上|立刻|尽快|现在)[的啊呀吧嘞]?))*[\s.。!！~]*""",
    re.VERBOSE,
)
"""The first word is never ``取消``: alone it may mean the request as well as the order."""

_BEGINS_YES = re.compile(
    rf"{_YES}(?![\w'])|(?:嗯|是|对|好|可以|行|没错|没问题|确认|确定)(?:[的了啊呀吧]|[\s,，.。!！]|$)", re.VERBOSE
)

_NO = re.compile(
    r"""(?:no(?!\slonger)|nope|nah|nee|nein|non|not\snow|(?:don'?t|do\snot)(?!\s(?:need|want)\s(?:it|this|them)\b)
      |please\s(?:don'?t|do\snot)|stop|never\s?mind|leave\sit|/deny
      |(?:absolutely|definitely|certainly|of\scourse)\snot)(?![\w'])
    |不(?!错|客气|好意思|再|需要|想要|知道|清楚|确定|明白|懂)|别(?!的|人)|否|算了|取消(?!\w)""",
    re.VERBOSE,
)
"""What is no longer needed is a reason, and no answer."""

_ONE_WORD = re.compile(r"[a-zß-ɏ]{2,}")
_DOUBT = re.compile(
    r"no|not|never|stop|wait|forget|cancel|why|how|what|who|when|where|thanks|please|maybe|later|but|change|keep"
)
_TELLS = re.compile(r"[\d?？]|mistake|accident|error|\b(?:no|any)\slonger\b|\b(?:need|want)|anymore|late\b")
"""A number, a question, or a reason, whatever it was taken for."""


def yes_or_no(text: str, intent: str) -> bool | None:
    """True for a message that is a yes from end to end, False for one that begins with a no, None for any other.

    ``intent``, which a classifier only supposes, says what a word of another language means, and a no of a few words;
    it never makes a yes of more than a word.
    """
    said = " ".join(unicodedata.normalize("NFC", text).replace("’", "'").casefold().split()).strip("\"'“”`* ")
    if len(said) <= _LONGEST and (_PLAIN_YES.fullmatch(said) or _CHINESE_YES.fullmatch(said)):
        return True
    if _NO.match(said):
        return False
    if intent == "deny":
        open_still = len(said.split()) > _SHORT or _BEGINS_YES.match(said) or _TELLS.search(said)
        return None if open_still else False
    word = said.strip(".! ")
    return True if intent == "affirm" and _ONE_WORD.fullmatch(word) and not _DOUBT.fullmatch(word) else None
