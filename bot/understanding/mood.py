"""Hears whether a shopper is calm, upset or angry: from words, capitals, punctuation and complaints that pile up."""

import re
from collections.abc import Sequence

from bot.records import Mood

_ANGRY = re.compile(
    r"""\b(?:
      (?:this|it|that|service|you|you\sguys|company|shop|experience)(?:\W(?:is|are)|'s|'re)\W{1,3}(?:\w{1,10}\W{1,3}){0,2}
        (?:a\W)?(?:scam|fraud|joke|rip[\s-]?off|disgrace|scammers|thieves|criminals|crooks|liars|idiots|useless|pathetic)
      |(?:scammers|thieves|crooks|liars|idiots|morons|bastards|assholes?|motherfuckers?)
      |(?:fuck|fucking|fucked|wtf|bullshit|goddamn|bloody\shell|piece\sof\s(?:shit|crap)|pissed\soff)
      |(?:worst|most\s(?:awful|horrible|terrible))\W(?:\w{1,12}\W){0,2}(?:service|shop|store|company|experience|ever|support)
      |(?:never|not)\W(?:ever\W)?(?:order|buy|shop)(?:ing)?\W(?:\w{1,12}\W){0,3}again
      |(?:absolutely|totally|completely|so|utterly)\W(?:disgusting|disgusted|furious|outrageous|outraged|livid)
      |i(?:'m|\sam)\W(?:\w{1,12}\W){0,2}(?:furious|livid|outraged|fuming|enraged)
      |outrageous|unacceptable|disgraceful|shame\son\syou|go\sto\shell|screw\syou
      |(?:call|calling|contact|contacting|get|getting|hear\sfrom)\W(?:\w{1,10}\W){0,2}(?:lawyer|solicitor|attorney|the\spolice)
      |(?:i(?:'ll|\swill|'m\sgoing\sto|\sam\sgoing\sto)|going\sto)\W(?:sue|report)\W(?:you|your|this)
      |(?:fed\sup|sick\sand\stired|sick\sof)\W(?:with|of)?
      |how\sdare\syou|stop\slying|you\s(?:lied|people\sare)|stole\smy\smoney|robbed\sme
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)

_UPSET = re.compile(
    r"""\b(?:
      (?:very|so|really|extremely|quite|bitterly|deeply|pretty)?\W?(?:disappointed|disappointing|frustrated|frustrating
        |annoyed|annoying|unhappy|upset|angry|dissatisfied|ridiculous|appalling|appalled)
      |(?:terrible|horrible|awful|lousy|shitty|crappy|bad|poor|slow)\W(?:customer\W)?(?:service|support|experience)
      |again\W(?:nothing|broken|wrong)
      |(?:second|third|fourth|fifth|\dth|2nd|3rd)\stime
      |(?:waiting|waited)\W(?:for\W)?(?:\w{1,10}\W){0,2}(?:days|weeks|months|ages|forever)
      |(?:nobody|no\sone|noone)\W(?:\w{1,10}\W){0,2}(?:answers?|replies|replied|responds?|responded|helps?|cares?|answered)
      |(?:what|such)\sa\s(?:joke|mess|shame|waste)|waste\sof\s(?:my\s)?(?:time|money)
      |(?:i've|have|i)\shad\senough|not\shappy|so\smad|let\sdown|are\syou\s(?:kidding|serious|joking)|for\sgod'?s\ssake|ffs
      |(?:doesn't|does\snot|didn't|not|isn't|never)\Whelp(?:ful|ing)?|useless|pathetic
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)

_ANGRY_CHINESE = re.compile(
    "骗子|骗人|诈骗|坑人|坑爹|垃圾(?:店|服务|客服|公司|商家|玩意|东西)|太垃圾|真垃圾|什么垃圾|什么破|太过分|过分了|岂有此理|"
    "他妈|妈的|tmd|TMD|操你|滚蛋|混蛋|王八蛋|傻[逼比B]|有病吧|气死|火大|投诉你|要投诉|去投诉|举报你|12315|消费者协会|消协|"
    "报警|起诉|律师函|再也不(?:会)?(?:买|来|光顾)|无耻|不要脸|忍无可忍|恶心"
)
_UPSET_CHINESE = re.compile(
    "失望|生气|不满意?|很烦|烦死|郁闷|无语|太差|很差|真差|差劲|差评|糟糕|糟透|太慢|怎么还(?:没|不)|还没(?:有)?(?:收到|到|发|退|解决|处理|回复)|"
    "等了(?:好久|很久|这么久|那么久|[一二两三四五六七八九十几半\\d]{1,3}个?(?:多)?(?:天|周|星期|礼拜|月))|没人(?:回|理|管|处理|接)|不理人|"
    "(?:第[二三四五六\\d]|又一)次(?:了|出|坏|错)?|什么态度|搞什么|耍我|敷衍|不靠谱|受不了|坑"
)

_POLITE = re.compile(
    r"\b(?:not\s(?:that\s)?(?:angry|upset|mad|disappointed)|no\sproblem|no\sworries)\b|没(?:有)?生气|不生气",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]")
_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")
_EXCLAIMED = re.compile(r"[!！]{2,}|[?？][!！]|[!！][?？]|[?？]{3,}")
_ANGRY_FACE = re.compile("[😠😡🤬👿💢😤]")
_SAD_FACE = re.compile("[😞😢😭😒🙁☹😩😫👎💔]|:'?-?\\(")

_SHOUTING_WORDS = 4
"""Fewer capital words may be codes, sizes or brands."""

_REMEMBERED = 3
"""Complaints in this many earlier messages still count."""


def hear_mood(text: str, earlier: Sequence[str] = ()) -> Mood:
    """How ``text`` sounds, after the shopper's ``earlier`` messages (oldest first).

    Precise rather than sensitive: a plain problem ("my parcel is missing") is calm. Words of anger are angry, words
    of displeasure upset; shouting, "!!!" and a displeasure repeated over messages raise upset to angry.
    """
    plain = text.replace("’", "'")
    if _wrath(plain):
        return Mood.ANGRY
    displeased = _displeased(plain)
    loud = _shouts(plain) + bool(_EXCLAIMED.search(plain))
    if displeased and (loud or _complaints(earlier[-_REMEMBERED:]) >= 2):
        return Mood.ANGRY
    if displeased or loud == 2 or _SAD_FACE.search(plain):
        return Mood.UPSET
    return Mood.CALM


def _complaints(earlier: Sequence[str]) -> int:
    return sum(_displeased(said.replace("’", "'")) or _wrath(said) for said in earlier)


def _wrath(text: str) -> bool:
    return bool(_ANGRY.search(text) or _ANGRY_CHINESE.search(text) or _ANGRY_FACE.search(text))


def _displeased(text: str) -> bool:
    return bool((_UPSET.search(text) or _UPSET_CHINESE.search(text)) and not _POLITE.search(text))


def _shouts(text: str) -> bool:
    letters = _LETTERS.findall(text)
    capitals = sum(letter.isupper() for letter in letters)
    return len(_SHOUTED.findall(text)) >= _SHOUTING_WORDS and capitals > 0.7 * len(letters)
