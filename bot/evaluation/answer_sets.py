"""The question sets of `kefu eval answers`: the shop's own and public ones, each brought into one form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import KnowledgeError
from bot.evaluation.answer_feeds import read_attribute
from bot.evaluation.jsonl import read_lines
from bot.generation.sentences import split_sentences
from bot.records import Kind, Passage, PassageId

SHOP, HARD = "shop", "shop_hard"
"""The shop's own questions: as shoppers ordinarily type them, and those that are put obliquely on purpose."""

ANSWERS = "answers.yml"

LONGEST = 800
"""Characters of a passage that a long document is cut into: about what a section of a policy has."""

NOISE = (2, 3)
"""Passages with the answer and without it that stand together, as in RGB's own middle setting of five."""

_ALLOWED = (
    "a question is `question` and either `none: true`, or `sources` (a list), `reply` and `facts` (a list, may be "
    "empty); `locale` and `hard` (true or false) may stand beside them"
)
_KEYS = frozenset({"question", "none", "sources", "reply", "facts", "locale", "hard"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what is known of its right reply."""

    id: str
    question: str
    language: str = "en"
    passages: tuple[Passage, ...] = ()
    """All it may be answered from; none for the shop's own, which are searched in all that the shop knows."""
    about: str = ""
    """What these passages are about; questions about the same have the same passages."""
    references: tuple[str, ...] = ()
    """Right replies."""
    facts: tuple[tuple[str, ...], ...] = ()
    """What a right reply holds: each of these, in any of its wordings."""
    gold: frozenset[str] = frozenset()
    """Ids of the passages that answer it; in the shop's own file, its ``sources`` as they are written there."""
    answerable: bool = True
    given: bool = False
    """Its one passage is known to answer it: what is measured is the reply alone, and not whether it is dared."""


Reader = Callable[[Path], list[Asked]]


def take(rows: Sequence[Asked], most: int) -> list[Asked]:
    """At most ``most`` questions, evenly from those that can be answered and from those that cannot."""
    ordered = sorted(rows, key=lambda row: not row.answerable)
    count = min(most, len(ordered))
    return [ordered[at * len(ordered) // count] for at in range(count)]


def read_shop(path: Path) -> dict[str, list[Asked]]:
    """The shop's own questions, of a file as ``knowledge/answers.yml``: those for ``shop`` and for ``shop_hard``.

    Raises:
        KnowledgeError: it cannot be read, or a question is not as allowed; says which, and what is allowed.
    """
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))["questions"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as exc:
        raise KnowledgeError(f"{path}: must be a list of `questions:`; {_ALLOWED} ({exc}).") from exc
    if not isinstance(rows, list) or not rows:
        raise KnowledgeError(f"{path}: `questions:` must be a list with something in it; {_ALLOWED}.")
    asked: dict[str, list[Asked]] = {SHOP: [], HARD: []}
    for number, row in enumerate(rows, 1):
        own = _own(path, number, row)
        asked[HARD if row.get("hard") else SHOP].append(own)
    return asked


def _own(path: Path, number: int, row: Any) -> Asked:
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise KnowledgeError(f"{path}: question {number} has no `question`; {_ALLOWED}.")
    place = f"{path}: question {number} ({row['question']!r})"
    if unknown := row.keys() - _KEYS:
        raise KnowledgeError(f"{place}: `{min(map(str, unknown))}` is not known; {_ALLOWED}.")
    language = str(row.get("locale", "en"))
    if row.get("none") is True:
        return Asked(str(number), row["question"], language, answerable=False)
    reply, sources, facts = row.get("reply"), row.get("sources"), row.get("facts", [])
    if not isinstance(reply, str) or not _texts(sources) or not sources or not _texts(facts):
        raise KnowledgeError(f"{place}: {_ALLOWED}.")
    return Asked(
        str(number),
        row["question"],
        language,
        references=(reply,),
        facts=tuple((fact,) for fact in facts),
        gold=frozenset(sources),
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def read_epqa(data: Path) -> list[Asked]:
    """Shoppers' questions about a product, with what its page, reviews and answers say."""
    return [
        Asked(
            row["qid"],
            row["question"],
            passages=tuple(_fact(row["qid"], one["id"], one["text"], row["title"]) for one in row["candidates"]),
            about=row["qid"],
            references=tuple(one["answer"] for one in row["candidates"] if one["label"] == 2 and one.get("answer")),
            gold=frozenset(one["id"] for one in row["candidates"] if one["label"] == 2),
            answerable=row["answerable"] == "yes",
        )
        for row in read_lines(data / "epqa/dev.jsonl")
        if row["answerable"] != "partial"  # Neither an answer nor its lack would be wrong.
    ]


def read_hetpqa(data: Path) -> list[Asked]:
    """Questions with the one snippet that answers them: what is said of the right source."""
    return [
        _given(f"hetpqa-{number}", row["question"], row["evidence"], row["answer"])
        for number, row in enumerate(read_lines(data / "hetpqa/dev.jsonl"), 1)
    ]


def read_semipqa(data: Path) -> list[Asked]:
    """Questions over attributes as they stand in a feed; the right attribute is known, and no reply."""
    return [
        Asked(
            row["qid"],
            row["question"],
            passages=tuple(_fact(row["qid"], one["id"], one["text"]) for one in row["candidates"]),
            about=row["qid"],
            gold=(gold := frozenset(one["id"] for one in row["candidates"] if one["label"])),
            answerable=bool(gold),
        )
        for row in read_lines(data / "semipqa/dev.jsonl")
    ]


def read_semipqa_d2t(data: Path) -> list[Asked]:
    """One attribute of a feed, asked for by its name, to be told in a sentence."""
    return [
        _given(f"d2t-{number}", f"what is the {_spoken(row['data'])}?", row["data"], row["text"])
        for number, row in enumerate(read_lines(data / "semipqa/d2t_dev.jsonl"), 1)
    ]


def _spoken(data: str) -> str:
    return data.partition(":")[0].strip().replace("_", " ")


def _given(id_: str, question: str, fact: str, reply: str) -> Asked:
    passage = _fact(id_, id_, fact)
    return Asked(id_, question, passages=(passage,), about=id_, references=(reply,), gold=frozenset({id_}), given=True)


def _fact(sku: str, id_: str, text: str, title: str = "") -> Passage:
    told = read_attribute(text)
    return Passage(PassageId(id_), Kind.PRODUCT, title, told, id_, attributes={"sku": sku, "name": title or sku})


def read_squad2_half(data: Path) -> list[Asked]:
    """Questions about a paragraph, of which half cannot be answered by it."""
    contexts = {
        row["context_id"]: Passage(
            PassageId(row["context_id"]), Kind.POLICY, row["title"].replace("_", " "), row["text"], row["context_id"]
        )
        for row in read_lines(data / "squad2_half/dev_contexts.jsonl")
    }
    return [
        Asked(
            row["id"],
            row["question"],
            passages=(contexts[row["context_id"]],),
            about=row["context_id"],
            references=tuple(row["answers"]),
            facts=(tuple(row["answers"]),) if row["answerable"] else (),
            gold=frozenset({row["context_id"]} if row["answerable"] else ()),
            answerable=row["answerable"],
        )
        for row in read_lines(data / "squad2_half/dev.jsonl")
    ]


def read_doc2dial(data: Path) -> list[Asked]:
    """The last turn of talks about public services, with the document that answers it cut into passages."""
    documents = {row["doc_id"]: row for row in read_lines(data / "doc2dial_val/dev_docs.jsonl")}
    parts = {id_: list(cut(row["text"])) for id_, row in documents.items()}
    rows = []
    for row in read_lines(data / "doc2dial_val/dev.jsonl"):
        id_, answers = row["doc_id"], row["answers"]
        title = documents[id_]["title"].partition("#")[0]
        spans = [(at, at + len(text)) for text, at in zip(answers["text"], answers["answer_start"], strict=True)]
        rows.append(
            Asked(
                row["id"],
                row["question"].partition("\t")[0].removeprefix("user:").strip(),
                passages=tuple(
                    Passage(PassageId(f"{id_}-{begin}"), Kind.POLICY, title, text, f"{id_}#{begin}")
                    for begin, text in parts[id_]
                ),
                about=id_,
                references=tuple(" ".join(text.split()) for text in answers["text"]),
                gold=frozenset(
                    f"{id_}-{begin}"
                    for begin, text in parts[id_]
                    if any(first < begin + len(text) and begin < end for first, end in spans)
                ),
            )
        )
    return rows


def cut(text: str) -> Iterator[tuple[int, str]]:
    """Passages of a document with where each begins: paragraphs together up to ``LONGEST``, longer ones by sentence."""
    begin = end = 0
    for first, last in _pieces(text):
        if end > begin and last - begin > LONGEST:
            yield begin, text[begin:end].rstrip()
            begin = first
        elif end == begin:
            begin = first
        end = last
    if end > begin:
        yield begin, text[begin:end].rstrip()


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where paragraphs begin and end, and in one that is too long its sentences."""
    for paragraph in re.finditer(r"\S(?:.|\n(?!\s*\n))*", text):
        at, end = paragraph.span()
        if end - at <= LONGEST:
            yield at, end
            continue
        for sentence in split_sentences(paragraph[0]):
            at = text.index(sentence, at)
            yield at, at + len(sentence)
            at += len(sentence)


def read_rgb(data: Path) -> list[Asked]:
    """Chinese news questions: among noise that holds the answer, and among noise alone."""
    rows = [row for row in read_lines(data / "rgb/dev.jsonl.gz") if row["set"] == "zh_refine"]
    return [asked for row in rows for asked in _among_noise(row)]


def _among_noise(row: Mapping[str, Any]) -> Iterator[Asked]:
    right, noise = NOISE
    facts = tuple((fact,) if isinstance(fact, str) else tuple(fact) for fact in row["answer"])
    for telling in (list(row["positive"][:right]), list[str]()):
        about = f"{row['id']}{'+' if telling else '-'}"
        texts = [*telling, *row["negative"][: noise if telling else right + noise]]
        ids = [f"{about}{number}" for number in range(len(texts))]
        yield Asked(
            about,
            row["query"],
            "zh",
            tuple(
                Passage(PassageId(id_), Kind.POLICY, "", text, id_, "zh") for id_, text in zip(ids, texts, strict=True)
            ),
            about,
            references=("".join(fact[0] for fact in facts),) if telling else (),
            facts=facts if telling else (),
            gold=frozenset(ids[: len(telling)]),
            answerable=bool(telling),
        )


PUBLIC: Mapping[str, Reader] = {
    "epqa": read_epqa,
    "hetpqa": read_hetpqa,
    "semipqa": read_semipqa,
    "semipqa_d2t": read_semipqa_d2t,
    "squad2_half": read_squad2_half,
    "doc2dial_val": read_doc2dial,
    "rgb": read_rgb,
}
"""By name; each reads its files below the folder of public sets, and raises `SettingError` where one is missing."""

SETS = (SHOP, HARD, *PUBLIC)
