"""Decides whether a burst of messages reads like an unfinished thought that is worth a short wait."""

import re
from collections.abc import Sequence

_OPEN_END = re.compile(r"(?:[,，、;；:：(（]|\.\.\.?|…|[-–—])\s*$")
"""Punctuation after which something is still to come."""

_SENTENCE_END = re.compile(r"[?!.。？！]\s*$")

_DANGLING = frozenset(
    # A list of words reads better than a wall of quotes.
    """a also an and because but either if including my or our plus since than the their unless versus vs whether your
    aber als auf dass der oder und weil dat een het maar omdat""".split()  # noqa: SIM905
)
"""Words that no thought ends with."""

_PREPOSITIONS = frozenset("about at by for from into of to with without regarding für mit met voor van".split())  # noqa: SIM905
"""These end a thought only in a question ("which address do I send it to") or after a verb that takes them along."""

_ASKING = frozenset(
    """what which who whom whose where when why how is are was were am do does did can could may might shall should
    will would have has tell know wonder place somewhere someone anyone anything something nothing""".split()  # noqa: SIM905
)

_ANNOUNCEMENT = re.compile(
    r"""(?:(?:hi|hello|hey|good\s(?:morning|afternoon|evening)|dear|ok|okay|so|well|yes|yeah|please|sorry|excuse\sme
        |there|team|and|also|just|actually|one\smore\sthing|quick\sone|another\sthing)[\s,.!]{0,4}){0,5}
    (?:
      (?:i(?:'ve|\shave|\sgot|'ve\sgot|\shad)?|got|have|there's|there\sis|just|it's|its|it\sis)\s{1,2}
        (?:(?:just|only|still|also|actually|got|have)\s){0,2}
        (?:(?:a|an|another|one|some|few|two|couple\sof|a\sfew|one\smore)\s){0,2}
        (?:(?:quick|small|little|short|simple|more|other|different|general|big|weird|strange)\s){0,2}
        (?:question|questions|problem|problems|issue|issues|query|request|doubt|concern|complaint|favou?r)
      |(?:a\s)?(?:quick|small|another|one\smore|short|simple)\s(?:quick\s)?(?:question|thing|one|request)
      |(?:i\s(?:want|wanted|would\slike|need|have|'d\slike)|i'd\slike)\sto\s(?:ask|know|check|tell|say|report)
        (?:\s(?:you|something|about\ssomething|a\squestion|if|whether|one\sthing|sth))?
      |(?:can|could|may)\si\sask(?:\syou)?(?:\s(?:something|a\squestion|one\sthing))?
      |(?:it's|its|this\sis|it\sis)?\s{0,2}(?:about|regarding|concerning|re)\s
        (?:(?:my|the|an|a|that|this|your|our|one\sof|last|recent|new|previous)\s){0,3}[\w'-]{1,20}(?:\s[\w'-]{1,20}){0,2}
      |(?:my|the)\s(?:question|problem|issue|situation|story)\sis
      |(?:here's|here\sis|this\sis)\s(?:the|my)\s(?:thing|situation|problem|story|deal)
      |listen|look|you\sknow\swhat|guess\swhat|you\ssee|the\sthing\sis|long\sstory(?:\sshort)?
    )[\s.!,]{0,4}""",
    re.IGNORECASE | re.VERBOSE,
)
"""Says that something is coming, and nothing else."""

_STORY = re.compile(
    r"""(?:(?:hi|hello|hey|ok|okay|well|yes|so|and)[\s,.!]{0,4}){0,3}
    (?:so|ok\sso|okay\sso|well|basically|last\s(?:week|month|year|night|\w{3,9}day)|yesterday|today
        |a\s(?:week|month|few\sdays|couple\sof\s(?:days|weeks))\sago|this\s(?:morning|week)|the\sother\sday)
    [\s,]{1,3}(?:i|we|my\s\w{1,12})(?:'ve|\shave|\shad)?\s(?:just\s|already\s|recently\s)?
    (?:bought|ordered|got|received|purchased|placed|wanted|was|were|am|saw|found|tried|went|called|returned|sent|made|paid)
    \b[^?!]{0,80}""",
    re.IGNORECASE | re.VERBOSE,
)
"""Opens a story ("so I bought a tent") whose point is still to come."""

_POINT = re.compile(
    r"""\b(?:but|however|and\snow|broken|broke|damaged|wrong|late|missing|never|not|n't|cannot|lost|torn|faulty|help
        |refund|return\sit|exchange|cancel|where|when|why|how|what|can|could|please|want|need|still|too)\b|n't""",
    re.IGNORECASE | re.VERBOSE,
)
"""A story with one of these has made its point."""

_CHINESE_ANNOUNCEMENT = re.compile(
    r"""(?:(?:你好|您好|嗨|哈喽|亲|在吗|那个|嗯|额|请问|麻烦|不好意思|打扰一下|打扰了|对了|还有|客服)[啊呀哦，,。！!\s~～]{0,3}){0,4}
    (?:
      请问(?:一下)?
      |(?:我)?(?:想|要|想要|需要)(?:请)?(?:问|咨询|了解|请教)(?:一下|下|个|一个|您|你|问题|个问题|件事|个事|点事){0,3}
      |(?:我)?(?:有|还有|又有)(?:一)?(?:个|点|些|几个|两个|件)?(?:小)?(?:问题|事|事情|事儿|疑问)(?:想问|想问一下|想咨询|请教)?(?:你|您|一下)?
      |(?:问|咨询)(?:一下|下|个问题|个事)
      |(?:是)?(?:关于|有关)(?:我|我的|那个|这个|你们|你们的|上次|一下){0,2}\w{1,8}
      |事情是这样的?|是这样的?|情况是这样的?
    )[啊呀哦哈的，,。！!\s~～]{0,3}""",
    re.VERBOSE,
)

_CHINESE_STORY = re.compile(
    r"(?:我|我们|就是|那个|然后)?(?:之前|昨天|前天|上周|上个?月|上次|刚才|刚刚|今天|前几天|那天|最近|在你们(?:家|这|店))(?:我|我们)?"
    r"(?:在你们(?:家|这里|这儿|店)?(?:里|上)?)?(?:刚)?(?:买|订|下|收到|拍|退|换|看|付)了?[^?？吗呢没坏错漏退换怎能可什多]{0,20}"
)

_CHINESE_DANGLING = re.compile(
    r"(?:因为|所以|但是|可是|不过|而且|然后|还有|如果|要是|或者|以及|和|跟|就是|比如|另外|的话|我的|你们的)$"
)


def unfinished(texts: Sequence[str]) -> bool:
    """Whether the burst ``texts`` so far (one shopper, oldest first) looks like more is coming.

    True promises that waiting is worth it: the last message announces something without saying it ("I have a
    question"), opens a story ("so I bought a tent") or breaks off ("and also the", "…"). Greetings, thanks,
    questions, requests, and bare data such as order numbers, e-mail addresses, sizes, yes and no are answered
    at once. Pure, linear time.
    """
    last = next((text.strip() for text in reversed(texts) if text.strip()), "")
    if not last or len(last) > _LONG or _SENTENCE_ASKS.search(last):
        return False
    if _OPEN_END.search(last) and _WORDS.search(last):
        return True
    return _announces(last) or _breaks_off(last)


_LONG = 280
"""Who writes more than this in one message has said it."""

_SENTENCE_ASKS = re.compile(r"[?？]\s*$")
_WORDS = re.compile(r"[^\W\d_]{2,}|[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[a-zà-ÿ']+", re.IGNORECASE)


def _announces(text: str) -> bool:
    plain = text.replace("’", "'")
    if _ANNOUNCEMENT.fullmatch(plain) or _CHINESE_ANNOUNCEMENT.fullmatch(text):
        return True
    if _CHINESE_STORY.fullmatch(text):
        return True
    return _STORY.fullmatch(plain) is not None and not _POINT.search(plain)


def _breaks_off(text: str) -> bool:
    if _SENTENCE_END.search(text):
        return False
    if _CHINESE_DANGLING.search(text):
        return True
    words = _LATIN_WORD.findall(text.lower())
    # The last word of a message that ends in a number or a code ("size M", "to LF-204518") is not what it ends with.
    if len(words) < 2 or not text.lower().endswith(words[-1]):
        return words == ["but"] or words == ["and"]
    return words[-1] in _DANGLING or (words[-1] in _PREPOSITIONS and _ASKING.isdisjoint(words))
