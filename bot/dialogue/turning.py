"""Words that turn a talk: leaving what is under way, starting over, putting something right, a plain yes or no. Pure.

A shop's intents go before; these are for what no intent was written for. Only whole messages count, so that nobody
leaves a form who asks to cancel an order. What is a yes or a no is so for the shop's actions too, in
`actions/agreeing.py`; a test keeps the two alike.
"""

import re
import unicodedata

_LEAVE = re.compile(
    r"""(?:ok(?:ay)?|no|oh|actually|well|please)?[\s,.]*(?:
      (?:just\s)?(?:never\s?mind|nvm|forget\s(?:it|that|about\sit)|drop\sit|leave\sit)
    | (?:please\s)?(?:stop|quit|exit|abort|cancel)(?:\s(?:this|that|it|here|the\sform|now))?
    | (?P<mind>i(?:'ve|\shave)?\schanged\smy\smind)
    | (?:let's\s)?(?:go\s)?back\sto\sthe\s(?:start|beginning|menu)
    | 算了(?:吧)?|不用了|没事了|取消吧|停止|不要了
    )[\s,.!。！]*(?:please|thanks|thank\syou|谢谢)?[\s.!。！]*""",
    re.IGNORECASE | re.VERBOSE,
)
_ANEW = re.compile(
    r"""(?:ok(?:ay)?|no|please|let's|can\swe|i\swant\sto|i'd\slike\sto|let\sme)?[\s,.]*(?:
      (?:please\s)?(?:start|begin)\s(?:it\s)?(?:over|again|anew|from\s(?:scratch|the\s(?:start|beginning)))(?:\sagain)?
    | restart|reset
    | 重新开始|重来|从头(?:再)?来|从头开始
    )[\s.!?。！？]*(?:please)?[\s.!。！]*""",
    re.IGNORECASE | re.VERBOSE,
)
_WRONG = re.compile(
    r"""\b(?:other|another|different|wrong|incorrect|mistyped|typo|not\s(?:that|this|the\sright)|mistake|change)\b
    |另一|不对|错了|不是这|搞错|换一""",
    re.IGNORECASE | re.VERBOSE,
)
_RIGHTS = re.compile(
    r"""\W*(?:no|nope|not|sorry|oh|oops|actually|wait|hang\son|hold\son|i\smeant?|(?:that|this)(?:'s|\sis)|wrong|the\sother|another)\b
    |\W*(?:不|错|等(?:等|一等|一?下)|另)""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_CHINESE = {"order": "订单", "items": "商品", "reason": "原因", "address": "地址", "method": "方式", "email": "邮箱"}
"""What slots of these names are called."""

_LONGEST = 120
"""Characters; who writes more says more than yes."""

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

_NO = re.compile(
    r"""(?:no(?!\slonger)|nope|nah|nee|nein|non|not\snow|(?:don'?t|do\snot)(?!\s(?:need|want)\s(?:it|this|them)\b)
      |please\s(?:don'?t|do\snot)|stop|never\s?mind|leave\sit|/deny
      |(?:absolutely|definitely|certainly|of\scourse)\snot)(?![\w'])
    |不(?!错|客气|好意思|再|需要|想要|知道|清楚|确定|明白|懂)|别(?!的|人)|否|算了|取消(?!\w)""",
    re.VERBOSE,
)
"""What is no longer needed is a reason, and no answer."""


def leaves(text: str, requested: str | None = None) -> bool:
    """Whether all of a message says to leave what is under way, and does not answer the question for ``requested``: to
    have changed one's mind is a reason."""
    found = _LEAVE.fullmatch(text.strip().replace("’", "'"))
    return found is not None and not (found["mind"] and "reason" in (requested or ""))


def begins_anew(text: str) -> bool:
    """Whether all of a message says to start over."""
    return _ANEW.fullmatch(text.strip()) is not None


def says_yes_or_no(text: str) -> str | None:
    """``affirm`` for a message that is a yes from end to end, ``deny`` for one that begins with a no; None for any
    other."""
    words = " ".join(unicodedata.normalize("NFC", text).replace("’", "'").casefold().split()).strip("\"'“”`* ")
    if len(words) <= _LONGEST and (_PLAIN_YES.fullmatch(words) or _CHINESE_YES.fullmatch(words)):
        return "affirm"
    return "deny" if _NO.match(words) else None


def wrong_slot(text: str, filled: tuple[str, ...]) -> str | None:
    """Which of the ``filled`` slots a message calls wrong ("no, the other order"), by the words of its name."""
    if not _RIGHTS.match(text) or not _WRONG.search(text):
        return None  # "The wrong item was sent" is a reason to return it.
    words = set(re.findall(r"[a-z]+", text.casefold()))
    for slot in filled:
        names = [name for name in slot.casefold().split("_") if len(name) > 2 and name not in ("number", "new", "the")]
        if any(name in words or name.rstrip("s") in words or f"{name}s" in words for name in names):
            return slot
        if any(_IN_CHINESE.get(name, "\0") in text for name in names):
            return slot
    return None


_ASKS = re.compile(
    r"""[?？]\s*$ | ^\W*(?:how|what|when|where|which|who|why|do|does|did|can|could|is|are|will|would|should)\b
    | (?:吗|呢|多少|什么|怎么|几天|哪)""",
    re.IGNORECASE | re.VERBOSE,
)


_REQUESTS = re.compile(
    r"""^\W*(?:(?:hi|hello|hey|ok|okay|so|actually|no|well)\W+)*(?:
      please\b | (?:can|could|would|will)\s(?:you|u)\b | help\sme\b | let\sme\b
    | i(?:'d|\swould)?\s(?:really\s)?(?:want|wanna|like|need|wish)\b
    | (?:cancel|return|exchange|swap|change|update|track|check|show|find|send|book|refund|replace|modify)\b)
    | \b(?:i\swant\sto|i\sneed\sto|i'd\slike\sto|i\swould\slike\sto)\b
    | 我想|我要|帮我|麻烦|请(?!问)
    | ^\W*(?:查看|列出|显示|给我看|推荐|取消|修改|查(?:一下|一查|查)?|改(?:一下)?|更改|更换)
      (?!.*(?:吗|呢|几|哪|多久|多少|怎么|什么|如何|以后|之后|[?？]))""",
    re.IGNORECASE | re.VERBOSE,
)


def requests(text: str) -> bool:
    """Whether a message wants something done, and is no question about it."""
    return _REQUESTS.search(text) is not None


_WISHES = re.compile(
    r"""\b(?:i|we)(?:'d|\swould|\swill|'ll)?\s(?:\w+\s)?(?:want|wanna|like|need|prefer|wish|rather|love)\b
    | \b(?:want|wanna|please|plz|pls|kindly|instead)\b
    | 我的(?:包裹|订单|快递|货|东西)[^查看]{0,4}(?:到哪|在哪|发货|发出|还没)(?!.*[查看])
    | ^\W*(?:need|looking)\b | \b(?:give|get|make|send)\sme\b | \border\s\#?[\w-]*\d{4}""",
    re.IGNORECASE | re.VERBOSE,
)


def wishes(text: str) -> bool:
    """Whether a message, anywhere in it, says that somebody wants something of the shop."""
    return _WISHES.search(text.replace("’", "'")) is not None


def asks(text: str) -> bool:
    """Whether a message looks like a question."""
    return _ASKS.search(text) is not None


_HOW = re.compile(r"\bhow\s(?:do|does|would|will|can|could|is|are)\b|怎么|如何", re.IGNORECASE)


def asks_how(text: str) -> bool:
    """Whether a message asks how something is done, which the shop's pages tell better than doing it would."""
    return _HOW.search(text) is not None
