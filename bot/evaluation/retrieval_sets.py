"""The public sets of `kefu eval retrieval`: each becomes passages, and is searched as a shop's knowledge would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.evaluation.jsonl import read_lines
from bot.evaluation.ranking import DEEP, Ranking, auroc
from bot.models.encoder import Encoders
from bot.records import Findings, Kind, Passage, PassageId, State, Understanding
from bot.retrieval.assemble import assemble
from bot.retrieval.index import Index
from bot.retrieval.query import Question, read_question
from bot.retrieval.rows import Row
from bot.retrieval.search import search
from bot.retrieval.vectors import Vectors

FOLDS = 5
"""Every fifth phrasing of each entry is asked while the others are in the FAQ."""

Figures = dict[str, float]


@dataclass(slots=True)
class Bench:
    """What every measurement needs, and the chances that it leaves for the plot."""

    encoders: Encoders
    data: Path
    vectors: Vectors = field(default_factory=Vectors)
    decisions: dict[str, list[float]] = field(default_factory=dict)

    def index(self, passages: Sequence[Passage]) -> Index:
        """An index in memory, made as the shop's is."""
        return assemble(passages, self.encoders, self.vectors).index

    def ask(self, index: Index, questions: Sequence[Question]) -> Iterator[Findings]:
        """Search for each question, all in one language, without the way through the event loop."""
        encoder = self.encoders.for_language(questions[0].language)
        vectors = self.vectors.of(encoder, [Row(question.text, True) for question in questions])
        for question, vector in zip(questions, vectors, strict=True):
            yield search(index, question, vector, encoder.name, DEEP)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """A data file, one object a line.

        Raises:
            SettingError: there is no such file.
        """
        return read_lines(self.data / path)


def by_paraphrase(
    bench: Bench, name: str, entries: Mapping[str, Passage], told: Mapping[str, Sequence[str]]
) -> Figures:
    """An FAQ asked by its own phrasings: ``told`` of each entry, of which every fifth is left out in turn."""
    ranked: list[list[str]] = []
    truth: list[dict[str, int]] = []
    for fold in range(FOLDS):
        kept, asked = [], []
        for id_, entry in entries.items():
            own = told.get(id_, ())
            # One phrasing at least stays.
            out = [
                phrasing
                for at, phrasing in enumerate(own)
                if at % FOLDS == fold and len(own) + len(entry.questions) > 1
            ]
            asked += [(id_, phrasing) for phrasing in out]
            left = (*entry.questions, *(phrasing for phrasing in own if phrasing not in out))
            kept.append(faq(id_, left or own, entry.text, entry.locale))
        if not asked:
            continue
        locale = kept[0].locale
        for (id_, _), found in zip(
            asked, bench.ask(bench.index(kept), [Question(q, locale) for _, q in asked]), strict=True
        ):
            ranked.append(ids(found))
            truth.append({id_: 1})
    return Ranking.of(ranked, truth).figures(name)


def faq(id_: str, questions: Sequence[str], answer: str = "", locale: str = "en") -> Passage:
    """An FAQ entry of a set."""
    title = questions[0] if questions else id_
    return Passage(PassageId(id_), Kind.FAQ, title, answer, id_, locale, questions=tuple(questions))


def ids(findings: Findings) -> list[str]:
    """The ids of the hits, best first."""
    return [hit.passage.id for hit in findings.hits]


def stackfaq(bench: Bench) -> Figures:
    """Questions about web applications, with ten paraphrases of each by other people."""
    corpus, queries = bench.rows("stackfaq/corpus.jsonl"), bench.rows("stackfaq/dev.jsonl")
    documents = {doc["doc_id"]: faq(doc["doc_id"], [doc["question"]], doc["answer"]) for doc in corpus}
    asked = [Question(query["query"], "en") for query in queries]
    found = list(bench.ask(bench.index(list(documents.values())), asked))
    truth = [dict.fromkeys(query["relevant"], 1) for query in queries]
    figures = Ranking.of(map(ids, found), truth).figures("stackfaq one phrasing an entry")

    # As a shop writes it: one entry a thread, with its first answer.
    threads = {doc["thread"]: faq(doc["thread"], [doc["question"]], doc["answer"]) for doc in reversed(corpus)}
    told: dict[str, list[str]] = {}
    for query in queries:
        told.setdefault(query["thread"], []).append(query["query"])
    figures |= by_paraphrase(bench, "stackfaq own FAQ by paraphrase", threads, told)
    return figures | _answerability(bench, corpus, queries, documents, asked)


def _answerability(
    bench: Bench,
    corpus: Sequence[Mapping[str, Any]],
    queries: Sequence[Mapping[str, Any]],
    documents: Mapping[str, Passage],
    asked: Sequence[Question],
) -> Figures:
    """Every second thread that is asked about is removed; and shoppers of another shop ask too."""
    removed = set(sorted({query["thread"] for query in queries})[::2])
    index = bench.index([documents[doc["doc_id"]] for doc in corpus if doc["thread"] not in removed])
    chances = [
        (findings.answerable, query["thread"]) for findings, query in zip(bench.ask(index, asked), queries, strict=True)
    ]
    known = [chance for chance, thread in chances if thread not in removed]
    near = [chance for chance, thread in chances if thread in removed]
    others = [Question(row["question"], "en") for row in bench.rows("semipqa/dev.jsonl")]
    far = [findings.answerable for findings in bench.ask(index, others)]
    bench.decisions |= {"StackFAQ: answered": known, "its thread removed": near, "about other things": far}
    return {
        "stackfaq answerability AUROC, thread removed": auroc(known, near),
        "stackfaq answerability AUROC, other subjects": auroc(known, far),
    }


def afqmc(bench: Bench) -> Figures:
    """Chinese questions about payments; absolute figures say little, because many near-duplicates are unlabelled."""
    corpus, queries = bench.rows("afqmc_faq/corpus.jsonl"), bench.rows("afqmc_faq/dev.jsonl")
    index = bench.index([faq(doc["doc_id"], [doc["text"]], locale="zh") for doc in corpus])
    found = bench.ask(index, [Question(query["query"], "zh") for query in queries])
    truth = [dict.fromkeys(query["relevant"], 1) for query in queries]
    return Ranking.of(map(ids, found), truth).figures("afqmc_faq")


def epqa(bench: Bench) -> Figures:
    """Shoppers' questions about a product, with what its page, reviews and answers say."""
    rows = bench.rows("epqa/dev.jsonl")
    figures = _within(bench, "epqa", rows)

    # The same over all candidates: the product is not given, but named by the first words of its title.
    passages = {
        candidate["id"]: _candidate(candidate, row["asin"], row["title"])
        for row in rows
        for candidate in row["candidates"]
    }
    index = bench.index(list(passages.values()))
    spoken = [f"{' '.join(row['title'].split()[:8])}: {row['question']}" for row in rows]
    truth = [_grades(row) for row in rows]
    unresolved = bench.ask(index, [Question(text, "en") for text in spoken])
    figures["epqa all candidates, product not resolved nDCG@10"] = Ranking.of(map(ids, unresolved), truth).ndcg
    questions = [read_question(Understanding(text, "en", (), 1.0), State(), index.catalogue) for text in spoken]
    resolved = Ranking.of(map(ids, bench.ask(index, questions)), truth)
    right = sum(question.products[:1] == (row["asin"],) for question, row in zip(questions, rows, strict=True))
    return (
        figures
        | resolved.figures("epqa all candidates, product resolved")
        | {"epqa product resolved": right / len(rows)}
    )


def semipqa(bench: Bench) -> Figures:
    """Questions over the attributes of a product, as they stand in the feed."""
    return _within(bench, "semipqa", bench.rows("semipqa/dev.jsonl"))


def _within(bench: Bench, name: str, rows: Sequence[Mapping[str, Any]]) -> Figures:
    """Rank each question's own candidates, as when the product is known."""
    passages = [_candidate(candidate, row["qid"], "") for row in rows for candidate in row["candidates"]]
    index = bench.index(passages)
    found = list(bench.ask(index, [Question(row["question"], "en", products=(row["qid"],)) for row in rows]))
    truth = [_grades(row) for row in rows]
    figures = Ranking.of(map(ids, found), truth).figures(f"{name} within product")
    most = max(max(grades.values(), default=0) for grades in truth)
    answered = [max(grades.values(), default=0) == most for grades in truth]
    chances = [findings.answerable for findings in found]
    figures[f"{name} answerability AUROC, within product"] = auroc(
        [chance for chance, known in zip(chances, answered, strict=True) if known],
        [chance for chance, known in zip(chances, answered, strict=True) if not known],
    )
    return figures


def _candidate(candidate: Mapping[str, Any], sku: str, title: str) -> Passage:
    text = candidate["text"]
    row = {"sku": sku, "name": title or sku}
    return Passage(PassageId(candidate["id"]), Kind.PRODUCT, title, text, candidate["id"], attributes=row)


def _grades(row: Mapping[str, Any]) -> dict[str, int]:
    return {candidate["id"]: candidate["label"] for candidate in row["candidates"] if candidate["label"]}
