"""What a sentence does beside stating: greeting, answering yes or no, reporting a deed, promising one."""

import re
from dataclasses import dataclass

_CONNECTIVE = re.compile(
    r"""(?:
      (?:i(?:'m|\ am)\ )?(?:happy|glad|pleased)\ to\ help(?:\ you)?(?:\ with\ (?:that|this))?
    | (?:here(?:'s|\ is)\ )what\ (?:i|we)\ found(?:\ for\ you)?
    | (?:thanks|thank\ you)(?:\ (?:so|very)\ much)?
      (?:\ for\ (?:your\ (?:question|message|patience)|asking|reaching\ out|contacting\ us|getting\ in\ touch))?
    | (?:hi|hello|good\ (?:morning|afternoon|evening))(?:\ there)?
    | you(?:'re|\ are)\ welcome | (?:great|good)\ question | my\ pleasure
    | i\ hope\ (?:this|that)\ helps(?:\ you)?
    | (?:please\ )?(?:feel\ free\ to\ ask|let\ (?:me|us)\ know|just\ ask)
      \ if\ you\ have\ any\ (?:other\ |more\ |further\ )?questions
    | is\ there\ anything\ else\ (?:i|we)\ can\ help(?:\ you)?\ with
    | (?:can\ i|may\ i)\ help\ you\ with\ anything\ else
    | (?:i'm\ |i\ am\ |we're\ |we\ are\ )?sorry\ (?:for|about)\ (?:the|this|that)(?:\ inconvenience)?
    | (?:i'm|i\ am)\ sorry\ to\ hear\ that
    | have\ a\ (?:nice|great|good)\ day
    | 您好 | 你好 | 很高兴为您服务 | 感谢您的(?:咨询|提问|耐心) | 谢谢 | 不客气 | 希望(?:这)?对您有(?:所)?帮助
    | (?:如果您?还?有)?(?:如有)?(?:任何)?(?:其他|其它)?问题,?(?:请)?随时(?:告诉我|联系我们|提问)
    )[\s.!?:,。]*""",
    re.I | re.X,
)
"""The closed list of sentences that say nothing. What is not on it needs a source."""

_ABOUT_ITSELF = re.compile(
    r"\b(?:system prompt|my (?:instructions?|prompts?|rules|guidelines|programming|training)|language model|as an ai\b|"
    r"i(?:'m| am) (?:an? )?(?:ai|assistant|chatbot|bot|gpt|dan\b|developer|unrestricted|not allowed)|"
    r"jailbreak|ignore (?:all|previous|the)|"
    r"developer mode|i was (?:told|instructed|trained|programmed)|prompt injection|pwned)"
    r"|系统提示|我的指令|语言模型|作为(?:一个)?(?:ai|人工智能)",
    re.I,
)

_DEED = (
    r"cancel(?:l?ed)?|refunded|returned|exchanged|changed|updated|booked|created|sent|shipped|placed|processed|issued|"
    r"applied|added|removed|deleted|erased|registered|reserved|opened|closed|transferred|forwarded|escalated|notified|"
    r"contacted|informed|arranged|scheduled|credited|charged|approved|confirmed|completed|submitted|reported|replaced|"
    r"corrected|extended|granted|activated|upgraded|waived|given|emailed|e-mailed|called|paid|started|initiated|received|"
    r"checked|verified|dispatched|delivered|packed|generated|saved|stored|noted|recorded|filed|resolved|fixed"
)
_LATELY = "(?:now |just |already |also |successfully )*"
_DONE = re.compile(
    rf"\b(?:i|we)(?:'ve| have|'d| had)?(?: just| already| now| successfully| gone ahead and| also)*\s(?P<a>{_DEED})\b"
    rf"|\b(?:(?:has|have) {_LATELY}been|was|were) {_LATELY}(?P<b>{_DEED})\b"
    rf"|\b(?:is|are) (?:now|already|hereby|successfully|all) (?P<d>{_DEED}|done|set)\b"
    rf"|\b(?P<e>all done|done!|it'?s done|consider it done|successfully (?:{_DEED}))"
    r"|(?P<f>已(?:经)?(?:为您|帮您|给您)?(?:取消|退款|退货|更换|修改|更新|发送|发货|创建|提交|处理|申请|办理|删除|登记|安排))",
    re.I,
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|once|after|when|whenever|until|unless|as soon as|before|provided|that|which|who|products?|items?)"
    r" [^.;]{0,80}$|"
    r"(?:如果|一旦|当)[^。]{0,30}$",
    re.I,
)

_PROMISE = re.compile(
    r"\b(?:i(?:'ll| will| shall|'m going to| am going to| can| could)|let me)"
    r"(?: just| now| also| gladly| happily)? (?P<i>\w+)"
    r"|\bwe(?:'ll| will| shall|'re going to| are going to) (?:just |now |also |then |always |not )*(?P<we>\w+)",
    re.I,
)

_PARTICLE = re.compile(
    r"^\s*(?P<word>yes|no|yeah|yep|nope|sure|of course|absolutely|certainly|definitely|correct|right)\b[,.!:–\s]*"
    r"(?P<rest>.*)$",
    re.I | re.S,
)
_PREFACE = re.compile(
    r"^(?:according to (?:our|the) [\w ]{1,30}, |please note(?: that|:) |as (?:stated|written) [\w ]{1,30}, )", re.I
)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence taken apart: the statement, and what it does beside stating."""

    whole: str
    statement: str
    """Without a leading yes or no."""
    answer: str = ""
    """``yes``, ``no`` or ''."""
    deed: str = ""
    """The verb of something that is said to have happened."""
    promise: str = ""
    """The verb of something that the shop is said to do."""
    personal: bool = False
    """The promise is the assistant's own ("I will", "let me"): no source can make it."""


def says_nothing(sentence: str) -> bool:
    """Whether the sentence is on the closed list of greetings and connectives."""
    return len(sentence) < 160 and _CONNECTIVE.fullmatch(sentence.strip()) is not None


def speaks_of_itself(sentence: str) -> bool:
    """Whether the sentence speaks of the model, its role or its instructions."""
    return _ABOUT_ITSELF.search(sentence) is not None


def take_apart(sentence: str) -> Said:
    """Read a sentence in the spelling of ``library.spell``."""
    particle = _PARTICLE.match(sentence)
    answer, statement = "", sentence
    if particle:
        answer = "no" if particle.group("word").lower() in {"no", "nope"} else "yes"
        # "No crypto" and "No returns after…" deny by themselves.
        if answer == "no" and not re.match(r"\s*(?:no|nope)\s*[,.!:–]", sentence, re.I):
            answer, statement = "", sentence
        else:
            statement = particle.group("rest")
    statement = _PREFACE.sub("", statement)
    done = _DONE.search(statement)
    deed = ""
    if done and not _HYPOTHETICAL.search(statement[: done.start()]):
        deed = next(group for group in done.groups() if group)
    promise = _PROMISE.search(statement)
    return Said(
        sentence,
        statement,
        answer,
        deed,
        (promise.group("i") or promise.group("we")) if promise else "",
        bool(promise and promise.group("i")),
    )
