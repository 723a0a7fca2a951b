"""Lessons from conversations that agents answered and closed: what was asked, what the agent said, masked."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from bot.conversations import open_conversations
from bot.conversations.store import Conversations
from bot.conversations.survey import all_conversations
from bot.generation.sentences import split_sentences
from bot.grounding.verdict import GroundingChecker
from bot.lessons.rows import BadRow, Exchange, Lesson, Rows, Source
from bot.masking import mask
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane
from bot.ports import Checker, Retriever
from bot.records import ConversationId, Entry, EntryKind, Floor, Passage, State, Understanding
from bot.retrieval.retriever import HybridRetriever
from bot.settings import Settings
from bot.understanding.language import detect_language

SHOWN = 4
"""Passages of a lesson: the one that the agent's words stand in among those that a search finds beside it."""

FAREWELLS = 4
"""Words. A shorter line of an agent ("You're welcome.") teaches nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a shopper asked and an agent answered, as it was said."""

    conversation: ConversationId
    question: str
    reply: str
    before: tuple[Exchange, ...] = ()


async def agents_lessons(settings: Settings) -> Rows:
    """The lessons in the conversations of this server's Redis, over passages of its knowledge as it is now.

    An answer whose words stand in no passage is left out and counted: the writer would learn to make things up.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    encoders = EncoderLane(open_encoders(settings))
    retriever = HybridRetriever(settings, encoders)
    checker = GroundingChecker(encoders)
    try:
        async with open_conversations(settings) as conversations:
            found = [answer async for answer in answered_in(conversations)]
        return await lessons_of(found, retriever, checker)
    finally:
        await encoders.close()


async def lessons_of(found: Iterable[Answered], retriever: Retriever, checker: Checker) -> Rows:
    """Each answer as a lesson over what a search for its question brings; those without a source are named as bad."""
    lessons: list[Lesson] = []
    bad: list[BadRow] = []
    for number, answer in enumerate(found, 1):
        question, reply = mask(answer.question), mask(answer.reply)
        asked = Understanding(question, detect_language(question), (), 1.0)
        passages = [hit.passage for hit in (await retriever.search(asked, State())).hits[:SHOWN]]
        if asked.language != "en" or not await _stands(reply, passages, question, checker):
            reason = "is not in English" if asked.language != "en" else "says what no passage does"
            bad.append(BadRow(f"conversation {answer.conversation}", number, f"the agent's answer {reason}"))
            continue
        sources = tuple(Source(passage.text, passage.title, passage.kind) for passage in passages)
        before = tuple(Exchange(mask(turn.shopper), mask(turn.assistant)) for turn in answer.before)
        lessons.append(Lesson(sources, question, reply, before, origin="agents"))
    return Rows(tuple(lessons), tuple(bad))


async def _stands(reply: str, passages: Sequence[Passage], question: str, checker: Checker) -> bool:
    sentences = split_sentences(reply)
    verdicts = [await checker.check(sentence, passages, question) for sentence in sentences]
    return bool(passages) and all(verdict.supported for verdict in verdicts)


async def answered_in(conversations: Conversations) -> AsyncIterator[Answered]:
    """What agents answered in every conversation that is kept.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    async for conversation in all_conversations(conversations.wire):
        entries: list[Entry] = []
        after = None
        while (page := await conversations.page(conversation, after)).end is not None:
            entries += page.entries
            after = page.end
        for answer in answered(conversation, entries):
            yield answer


def answered(conversation: ConversationId, log: Sequence[Entry]) -> list[Answered]:
    """What agents answered in a log that ended well: an agent had the floor, gave it back or closed it, and no thumb
    of the shopper is down on the answer. Pure."""
    floors = [entry.floor for entry in log if entry.kind is EntryKind.FLOOR]
    if Floor.AGENT not in floors or floors[-1] not in (Floor.CLOSED, Floor.ASSISTANT):
        return []
    thumbs = {entry.feedback.about: entry.feedback.helpful for entry in log if entry.feedback is not None}
    found: list[Answered] = []
    asked: list[str] = []
    told: list[str] = []
    disliked = False
    before: list[Exchange] = []

    def close() -> None:
        nonlocal asked, told, disliked
        if asked and told:
            question, reply = " ".join(asked), " ".join(told)
            if not disliked and len(reply.split()) >= FAREWELLS:
                found.append(Answered(conversation, question, reply, tuple(before[-2:])))
            before.append(Exchange(question, reply))
        if told:
            asked, told, disliked = [], [], False

    for entry in log:
        if entry.kind is EntryKind.SHOPPER and entry.message is not None:
            close()
            asked.append(entry.message.shown or entry.message.text)
        elif entry.kind is EntryKind.AGENT and entry.utterance is not None and entry.utterance.text:
            told.append(entry.utterance.text)
            disliked = disliked or thumbs.get(entry.id) is False
        elif entry.kind is EntryKind.ASSISTANT:
            # What the assistant answered is no agent's answer, and its question is no longer open.
            close()
            asked = []
    close()
    return found
