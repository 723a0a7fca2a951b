"""The ladder: which rung answers, what the writer may say, and what is kept for the next shopper."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import pytest

from bot.errors import FloorLost, StoreUnavailable, WriterUnavailable
from bot.generation.cards import card
from bot.ladder import Ladder, Reply
from bot.records import (
    Citation,
    Conversation,
    ConversationId,
    Entity,
    Filter,
    Findings,
    Floor,
    Hit,
    Kind,
    LogId,
    Message,
    MessageId,
    Passage,
    PassageId,
    Receipt,
    Rung,
    State,
    Understanding,
    Utterance,
    Verdict,
)
from bot.retrieval.reader import Reader

RETURNS = Passage(
    PassageId("policy:returns"),
    Kind.POLICY,
    "Returns",
    "You can return items within 30 days.",
    "policies/returns.md#time",
)
FAQ = Passage(
    PassageId("faq:returns"), Kind.FAQ, "How long?", "30 days.", "faq/returns.yml#how-long", questions=("How long?",)
)
TENT = Passage(
    PassageId("product:T1"), Kind.PRODUCT, "Tarn 1", "A tent.", "products.csv#T1",
    attributes={"sku": "T1", "name": "Tarn 1", "price": "219.95", "currency": "EUR", "stock": "3"},
)  # fmt: skip


@dataclass
class ScriptedWriter:
    """Writes its pieces; hangs or dies where it is told to."""

    pieces: Sequence[str] = ()
    hangs: bool = False
    dies: bool = False
    languages: frozenset[str] = frozenset({"en"})
    passages: int = 3
    prompts: list[Sequence[Mapping[str, str]]] = field(default_factory=list)
    status: Literal["loading", "ready", "failed"] = "ready"
    closed: bool = False

    async def ready(self) -> None: ...

    async def write(self, chat: Sequence[Mapping[str, str]]) -> AsyncGenerator[str, None]:
        self.prompts.append(chat)
        try:
            for piece in self.pieces:
                await asyncio.sleep(0)
                yield piece
            if self.hangs:
                await asyncio.sleep(60)
            if self.dies:
                raise WriterUnavailable("gone")
        finally:
            self.closed = True


class TrueIfKnown:
    """Supports what a source says word for word."""

    async def check(self, sentence: str, sources: Sequence[Passage], question: str) -> Verdict:
        for source in sources:
            if sentence in source.text:
                return Verdict(sentence, True, citation=Citation(source.id, source.title, source.source))
        return Verdict(sentence, False)


@dataclass
class Heard:
    """A voice that remembers; the floor is lost after ``until`` utterances."""

    until: int = 100
    utterances: list[Utterance] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    async def begin(self) -> None:
        if self.until <= 0:
            raise FloorLost("an agent took over")

    def did(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    async def say(self, utterance: Utterance) -> None:
        if len(self.utterances) >= self.until:
            raise FloorLost("an agent took over")
        self.utterances.append(utterance)


class Memory(dict[str, tuple[Utterance, ...]]):
    async def recall(self, key: str) -> tuple[Utterance, ...] | None:
        return self.get(key)

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        self[key] = reply


def understood(
    text: str = "how long for returns?", language: str = "en", entities: tuple[Entity, ...] = ()
) -> Understanding:
    return Understanding(text, language, (), 1.0, entities)


def found(
    *passages: Passage, question: float = 0.0, answerable: float = 0.9, query: str = "how long for returns?"
) -> Findings:
    hits = tuple(Hit(passage, 1.0, 0.8, 0.5, question) for passage in passages)
    return Findings(query, hits, answerable, version="v1")


def conversation(said: tuple[Utterance, ...] = ()) -> Conversation:
    message = Message(
        MessageId("1"), ConversationId("rest:1"), "rest", "1", "x", datetime.now(UTC), log_id=LogId("1-0")
    )
    return Conversation(ConversationId("rest:1"), 0, 0, Floor.ASSISTANT, State(), (message,), said)


def ladder(writer: ScriptedWriter | None, memory: Memory | None = None) -> Ladder:
    return Ladder(writer, TrueIfKnown(), Memory() if memory is None else memory, 0.9, 0.5, patience=0.2)


async def climb(
    writer: ScriptedWriter | None,
    findings: Findings,
    *,
    question: Understanding | None = None,
    voice: Heard | None = None,
    memory: Memory | None = None,
    said: tuple[Utterance, ...] = (),
) -> Reply:
    return await ladder(writer, memory).climb(question or understood(), findings, conversation(said), voice or Heard())


class Liking:
    """Finds texts that have ``word`` in them to answer, and others not."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def probability(self, passage: str, question: str, /) -> float:
        return 0.9 if self.word in passage else 0.3


async def test_that_a_draft_that_is_true_and_beside_the_point_is_not_said() -> None:
    whole = replace(FAQ, text="You can return items within 30 days. Use the original packaging.")
    for word, rung in (("30 days", Rung.WRITTEN), ("original packaging", Rung.QUOTED)):
        voice = Heard()
        answers = replace(ladder(ScriptedWriter(["You can return items within 30 days."])), reader=Reader(Liking(word)))
        reply = await answers.climb(understood(), found(whole), conversation(), voice)
        assert reply.rung is rung
        assert bool(voice.utterances) is (rung is Rung.WRITTEN)
    assert [claim.reason for claim in reply.verdicts[0].claims] == [
        "it is true, and answers less than the passage quoted"
    ]
    assert reply.utterances[0].text == whole.text


async def test_that_a_reader_of_english_does_not_weigh_chinese_drafts() -> None:
    liking = Reader(Liking("quoted"))
    assert await liking.prefers("quoted", "drafted", "returns?", "en")
    assert not await liking.prefers("quoted", "drafted", "退货", "zh")
    assert not await liking.prefers("drafted", "quoted", "returns?", "en")
    assert not await liking.prefers("", "drafted", "returns?", "en")


async def test_that_an_approved_answer_needs_no_writer() -> None:
    writer = ScriptedWriter(["You can return items within 30 days."])
    reply = await climb(writer, found(FAQ, question=0.95))
    assert (reply.rung, [u.text for u in reply.utterances]) == (Rung.APPROVED, ["30 days."])
    assert not writer.prompts


async def test_that_a_search_with_conditions_is_listed() -> None:
    listed = replace(found(TENT), products=("T1",), filters=(Filter("price", "<=", "250"),))
    reply = await climb(None, listed)
    assert reply.rung is Rung.LISTED
    assert "219.95 EUR" in reply.utterances[0].text


async def test_that_every_rung_that_speaks_of_a_product_brings_its_card() -> None:
    memory = Memory()
    cards = {"products": [card(TENT)]}
    quoted = await climb(None, found(TENT))
    assert [utterance.custom for utterance in quoted.utterances] == [cards]
    voice = Heard()
    written = await climb(ScriptedWriter(["A tent."]), found(TENT), voice=voice, memory=memory)
    assert [utterance.custom for utterance in (*voice.utterances, *written.utterances)] == [None, cards]
    cached = await climb(None, found(TENT), memory=memory)
    assert (cached.rung, [utterance.custom for utterance in cached.utterances]) == (Rung.CACHED, [cards])
    assert not any(utterance.custom for utterance in (await climb(None, found(RETURNS, TENT))).utterances)


async def test_that_what_passes_the_check_is_said_at_once_and_with_its_source() -> None:
    voice = Heard()
    reply = await climb(ScriptedWriter(["You can return items ", "within 30 days. "]), found(RETURNS), voice=voice)
    assert reply.rung is Rung.WRITTEN
    assert [u.text for u in voice.utterances] == ["You can return items within 30 days."]
    assert voice.utterances[0].citations[0].passage == "policy:returns"
    assert reply.utterances == ()


async def test_that_what_fails_is_never_said_and_the_passage_is_quoted() -> None:
    voice = Heard()
    writer = ScriptedWriter(["Returns take 300 days. ", "They cost 5 EUR. ", "You can return items within 30 days. "])
    reply = await climb(writer, found(RETURNS), voice=voice)
    assert voice.utterances == []
    assert reply.rung is Rung.QUOTED
    assert [u.text for u in reply.utterances] == ["You can return items within 30 days."]
    assert [verdict.supported for verdict in reply.verdicts] == [False], (
        "the answer failed: what follows it is not asked"
    )
    assert writer.closed


async def test_that_a_writer_that_hangs_leaves_the_next_rung_and_what_was_said_stays() -> None:
    silent = await climb(ScriptedWriter([], hangs=True), found(RETURNS))
    assert silent.rung is Rung.QUOTED
    assert "no sentence to show within" in silent.notes[0]
    spoke = await climb(ScriptedWriter(["You can return items within 30 days. And"], hangs=True), found(RETURNS))
    assert spoke.rung is Rung.WRITTEN
    assert len(spoke.said) == 1


async def test_that_a_writer_that_dies_is_noted() -> None:
    reply = await climb(ScriptedWriter([], dies=True), found(RETURNS))
    assert (reply.rung, reply.notes) == (Rung.QUOTED, ("writer: gone",))


async def test_that_a_writer_is_not_asked_for_a_language_it_does_not_speak() -> None:
    writer = ScriptedWriter(["x"])
    reply = await climb(writer, found(RETURNS), question=understood("退货多久", "zh"))
    assert reply.rung is Rung.QUOTED
    assert not writer.prompts


async def test_that_an_agent_who_takes_the_floor_stops_the_reply() -> None:
    voice = Heard(until=1)
    writer = ScriptedWriter(["You can return items within 30 days. ", "You can return items. ", "You can. "])
    with pytest.raises(FloorLost):
        await climb(
            writer,
            found(replace(RETURNS, text="You can return items within 30 days. You can return items. You can.")),
            voice=voice,
        )
    assert len(voice.utterances) == 1
    assert writer.closed


async def test_that_an_interrupted_reply_goes_on_and_repeats_nothing() -> None:
    before = (Utterance("You can return items within 30 days."),)
    voice = Heard()
    writer = ScriptedWriter([])
    reply = await climb(writer, found(FAQ, question=1.0), voice=voice, said=before)
    assert (reply.rung, reply.said, voice.utterances) == (Rung.WRITTEN, before, [])
    assert "within 30 days" in str(writer.prompts[0])
    assert (await climb(None, found(FAQ, question=1.0), said=before)).utterances == ()


async def test_that_a_writer_that_repeats_itself_is_heard_once() -> None:
    voice = Heard()
    before = (Utterance("You can return items within 30 days."),)
    await climb(ScriptedWriter(["You can return items within 30 days. "] * 5), found(RETURNS), voice=voice)
    assert len(voice.utterances) == 1
    again = await climb(ScriptedWriter(["You can return items within 30 days. "] * 5), found(RETURNS), said=before)
    assert again.said == before


async def test_that_what_is_not_known_is_not_answered() -> None:
    assert (await climb(ScriptedWriter(["x"]), found(RETURNS, answerable=0.2))).rung is Rung.UNANSWERED
    assert (await climb(ScriptedWriter(["x"]), found())).rung is Rung.UNANSWERED


async def test_that_the_same_question_is_written_once() -> None:
    memory, writer = Memory(), ScriptedWriter(["You can return items within 30 days."])
    first = await climb(writer, found(RETURNS), memory=memory)
    again = await climb(
        writer,
        found(RETURNS, query="How long  for returns"),
        question=understood("How long  for returns"),
        memory=memory,
    )
    assert (first.rung, again.rung) == (Rung.WRITTEN, Rung.CACHED)
    assert again.utterances == first.said
    assert len(writer.prompts) == 1


class LostMemory(Memory):
    """On a server that is away; or that does not even say so, when it ``hangs``."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self.hangs = hangs

    async def recall(self, key: str) -> tuple[Utterance, ...] | None:
        await self._reach()
        return None

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        await self._reach()

    async def _reach(self) -> None:
        if self.hangs:
            await asyncio.sleep(60)
        raise StoreUnavailable("Redis does not answer")


@pytest.mark.parametrize("hangs", [False, True])
async def test_that_kept_replies_which_cannot_be_reached_cost_nobody_an_answer(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ladder.MEMORY", 0.01)
    async with asyncio.timeout(5):
        reply = await climb(ScriptedWriter([RETURNS.text]), found(RETURNS), memory=LostMemory(hangs=hangs))
    assert (reply.rung, [u.text for u in reply.said]) == (Rung.WRITTEN, [RETURNS.text])


async def test_that_new_knowledge_forgets_old_replies() -> None:
    memory, writer = Memory(), ScriptedWriter(["You can return items within 30 days."])
    await climb(writer, found(RETURNS), memory=memory)
    assert (await climb(writer, replace(found(RETURNS), version="v2"), memory=memory)).rung is Rung.WRITTEN


async def test_that_nothing_personal_is_kept_or_sent_to_the_writer() -> None:
    memory, writer = Memory(), ScriptedWriter(["You can return items within 30 days."])
    text = "I am a@b.example, order LF-204518: how long for returns?"
    entities = (Entity("email", "a@b.example", 5, 16, "regex"), Entity("order_number", "LF-204518", 24, 33, "regex"))
    await climb(writer, found(RETURNS, query=text), question=understood(text, entities=entities), memory=memory)
    assert not memory
    assert "a@b.example" not in str(writer.prompts)
    assert "LF-204518" not in str(writer.prompts)
    assert "[email], order [order_number]: how long" in str(writer.prompts)


async def test_that_a_follow_up_is_answered_for_this_shopper_alone() -> None:
    memory = Memory()
    follow_up = found(RETURNS, query="how long for returns of boots?")
    await climb(ScriptedWriter(["You can return items within 30 days."]), follow_up, memory=memory)
    assert not memory


async def test_that_a_question_about_it_is_another_question_for_each_product() -> None:
    memory, writer = Memory(), ScriptedWriter(["You can return items within 30 days."])
    await climb(writer, replace(found(RETURNS), products=("T1",)), memory=memory)
    assert (await climb(writer, replace(found(RETURNS), products=("T2",)), memory=memory)).rung is Rung.WRITTEN


@pytest.mark.parametrize("writer", [None, ScriptedWriter([], hangs=True), ScriptedWriter([], dies=True)])
async def test_that_a_stop_gap_is_not_kept(writer: ScriptedWriter | None) -> None:
    memory = Memory()
    assert (await climb(writer, found(RETURNS), memory=memory)).rung is Rung.QUOTED
    assert not memory


async def test_that_a_writer_that_drips_nothing_new_is_given_up() -> None:
    writer = ScriptedWriter(["You can return items within 30 days. "] * 50 + ["You can return items. "])
    reply = await climb(writer, found(RETURNS))
    assert len(reply.said) == 1
    assert writer.closed


async def test_that_one_patience_covers_all_that_is_refused() -> None:
    class Slow(ScriptedWriter):
        async def write(self, chat: Sequence[Mapping[str, str]]) -> AsyncGenerator[str, None]:
            for _ in range(3):
                await asyncio.sleep(0.08)
                yield "Returns take 300 days. "

    reply = await climb(Slow(), found(RETURNS))
    assert len(reply.verdicts) < 2, "the second sentence would have come after the patience of 0.2 s"


async def test_that_what_no_recognizer_found_is_masked_all_the_same() -> None:
    memory, writer = Memory(), ScriptedWriter(["You can return items within 30 days."])
    text = "my card is 4111 1111 1111 1111, mila [at] mail.example: how long for returns?"
    await climb(writer, found(RETURNS, query=f"{text} (Tarn 1)"), question=understood(text), memory=memory)
    await climb(writer, found(RETURNS, query="before a@b.example " + text), question=understood("other"), memory=memory)
    assert not any(words in str(writer.prompts) for words in ("4111", "mila", "a@b.example"))
    assert not memory
