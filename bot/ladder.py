"""Answers from the shop's knowledge by the cheapest rung that is good enough.

approved answer → products that match → cached reply → the writer, checked → the best passage quoted → no answer.
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from bot import __version__
from bot.errors import StoreUnavailable, WriterUnavailable
from bot.generation.cards import with_cards
from bot.generation.listing import list_products
from bot.generation.prompt import build_prompt
from bot.generation.quote import quote
from bot.generation.sentences import complete, sentences
from bot.grounding.shown import clean, presentable
from bot.masking import mask
from bot.ports import Checker, Replies, Voice, Writer
from bot.records import Claim, Conversation, Findings, Hit, Passage, Rung, Understanding, Utterance, Verdict
from bot.retrieval.reader import Reader
from bot.telemetry import stage
from bot.telemetry.metrics import WRITER_FAILURES

PERSONAL = frozenset({"order_number", "email", "phone", "postcode"})
"""Entities that make a question personal: its reply is kept for nobody."""

NEAR = 0.85
"""Share of the best passage's score from which another is shown too. Asked how heavy a tent is, with its description
beside its weight, the writer said how many doors it has: true, and no answer."""

REFUSALS = 2
"""After this many sentences that cannot be shown the draft is given up; what passed until then stays."""

MEMORY = 0.5
"""Seconds that kept replies may take: in a cluster they lie on other servers than the conversation, and one that is
away must cost its shopper nothing but a reply that is made anew."""

SENTENCES = 4
"""Longest written reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and how it came about."""

    rung: Rung
    utterances: tuple[Utterance, ...] = ()
    """Still to be said."""
    said: tuple[Utterance, ...] = ()
    """Said already, sentence by sentence, while it was written."""
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    settled: bool = True
    """Whether the same question would be answered alike; not so when the writer was away or cut short."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs, over the writer, the check and the memory of replies."""

    writer: Writer | None
    checker: Checker
    replies: Replies
    approved: float
    """Probability of being the very question asked from which an FAQ answer goes out as it stands."""
    answerable: float
    """Probability below which the knowledge is taken not to answer."""
    patience: float
    """Seconds until the first sentence that passes, and from each to the next; then the next rung answers."""
    reader: Reader | None = None
    """Tells a draft that is beside the point from one that answers; without it every draft that is true is said."""

    async def climb(self, question: Understanding, found: Findings, conversation: Conversation, voice: Voice) -> Reply:
        """Answer ``question`` from what was found, with cards of the products that the answer is about.

        Raises:
            TurnRefused: the floor or the version changed while sentences were being said.
        """
        reply = await self._climb(question, found, conversation, voice)
        cited = [citation for utterance in (*reply.said, *reply.utterances) for citation in utterance.citations]
        return replace(reply, utterances=with_cards(reply.utterances, cited, found.hits)) if cited else reply

    async def _climb(self, question: Understanding, found: Findings, conversation: Conversation, voice: Voice) -> Reply:
        if conversation.said:
            return await self._write(question, found, conversation, voice, notes=("goes on with an interrupted reply",))
        best = found.hits[0] if found.hits else None
        if best and best.question >= self.approved:
            return Reply(Rung.APPROVED, (quote(question.text, [best], question.language),))
        if found.filters:
            return Reply(Rung.LISTED, (list_products(found, question.language),))
        if best is None or found.answerable < self.answerable:
            return Reply(Rung.UNANSWERED, notes=(f"answerable {found.answerable:.2f} < {self.answerable:.2f}",))
        key = _key(question, found)
        if key and (kept := await self._recall(key)):
            return Reply(Rung.CACHED, kept)
        reply = await self._write(question, found, conversation, voice)
        if not reply.said:
            reply = replace(reply, rung=Rung.QUOTED, utterances=(quote(question.text, found.hits, question.language),))
        if key and reply.settled:
            await self._remember(key, reply.said or reply.utterances)
        return reply

    async def _recall(self, key: str) -> tuple[Utterance, ...] | None:
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(MEMORY):
                return await self.replies.recall(key)
        return None

    async def _remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(MEMORY):
                await self.replies.remember(key, reply)

    async def _write(
        self,
        question: Understanding,
        found: Findings,
        conversation: Conversation,
        voice: Voice,
        notes: tuple[str, ...] = (),
    ) -> Reply:
        """Let the writer draft; say each sentence that the check supports, as soon as it does."""
        if self.writer is None or question.language not in self.writer.languages:
            why = "no writer" if self.writer is None else f"the writer does not speak {question.language!r}"
            return Reply(Rung.WRITTEN, said=conversation.said, notes=(*notes, why), settled=False)
        sources = chosen(found.hits, self.writer.passages)
        # As it was searched, "how heavy is it?" names the tent: nothing of the turns before has to be in the prompt.
        prompt = build_prompt(impersonal(question, found.query), sources, question.language, conversation.said)
        instead = quote(question.text, found.hits, question.language).text if found.hits else ""
        brief = _Brief(sources, found.query, question.language, instead)
        said = list(conversation.said)
        verdicts: list[Verdict] = []
        trouble = ""
        try:
            # Closed as soon as enough is said, so that the writer's seat is free for others.
            async with aclosing(sentences(self.writer.write(prompt))) as draft:
                await self._say_what_passes(draft, brief, voice, said, verdicts)
        except TimeoutError:
            WRITER_FAILURES.labels("late").inc()
            trouble = f"writer: no sentence to show within {self.patience:g} s"
        except WriterUnavailable as exc:
            WRITER_FAILURES.labels("away").inc()
            trouble = f"writer: {exc}"
        notes = (*notes, trouble) if trouble else notes
        return Reply(Rung.WRITTEN, (), tuple(said), tuple(verdicts), notes, settled=not trouble)

    async def _say_what_passes(
        self,
        draft: AsyncIterator[str],
        brief: "_Brief",
        voice: Voice,
        said: list[Utterance],
        verdicts: list[Verdict],
    ) -> None:
        """Judge each sentence of a draft and say those that pass, adding to ``said`` and ``verdicts`` as it goes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        useless = 0
        while len(said) < SENTENCES and useless < REFUSALS:
            async with asyncio.timeout_at(deadline):
                with stage("write"):
                    sentence = await anext(draft, None)
                if sentence is None:
                    return
                with stage("check"):
                    verdict = await self._judge(sentence, said, brief)
            if verdict is not None:
                verdicts.append(verdict)
            if verdict is None or not verdict.supported:
                useless += 1
                if verdict is not None and not said:
                    return  # The first sentence is the answer; what follows it is beside the point without it.
                continue
            utterance = presentable(
                Utterance(verdict.sentence, citations=(verdict.citation,) if verdict.citation else ())
            )
            await voice.say(utterance)
            said.append(utterance)
            deadline = loop.time() + self.patience

    async def _judge(self, sentence: str, said: Sequence[Utterance], brief: "_Brief") -> Verdict | None:
        """The verdict on a sentence as it would be shown; None for one that was cut off, is empty, or was said.

        The first one has to be to the point too, not only true: else the quote goes out in its place.
        """
        shown = clean(sentence)
        if not shown or not complete(sentence) or any(shown == utterance.text for utterance in said):
            return None
        verdict = await self.checker.check(shown, brief.sources, brief.query)
        if said or not verdict.supported or self.reader is None:
            return verdict
        if not await self.reader.prefers(brief.instead, shown, brief.query, brief.language):
            return verdict
        reason = "it is true, and answers less than the passage quoted"
        return replace(verdict, supported=False, claims=(Claim("answer", shown, False, reason),), citation=None)


@dataclass(frozen=True, slots=True)
class _Brief:
    """What a draft is judged by."""

    sources: Sequence[Passage]
    query: str
    language: str
    instead: str
    """The quote that goes out when nothing of the draft does."""


def chosen(hits: Sequence[Hit], most: int) -> list[Passage]:
    """The passages worth showing to a writer: the best one, and of the next those as good."""
    return [hit.passage for hit in hits[:most] if hit.score >= NEAR * hits[0].score]


def impersonal(question: Understanding, query: str) -> str:
    """The query of a question without what is nobody's business: a writer may be an endpoint on another machine."""
    text = question.text
    for entity in sorted(question.entities, key=lambda entity: entity.start, reverse=True):
        if entity.name in PERSONAL:
            text = f"{text[: entity.start]}[{entity.name}]{text[entity.end :]}"
    return mask(query.replace(question.text, text))


def _key(question: Understanding, found: Findings) -> str | None:
    """Names a reply that anyone may get who asks the same of the same knowledge; None for a personal question.

    The products stand in it too: "how heavy is it?" is another question for each.
    """
    if found.query != question.text or impersonal(question, found.query) != found.query:
        return None
    words = " ".join(unicodedata.normalize("NFKC", question.text).casefold().split()).rstrip("?!. ？！。")
    parts = (__version__, found.version, question.language, words, *found.products)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
