"""Answers from the shop's knowledge by the cheapest rung that is good enough.

approved answer → products that match → cached reply → the writer, checked → the best passage quoted → no answer.
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from bot.errors import WriterUnavailable
from bot.generation.listing import list_products
from bot.generation.prompt import build_prompt
from bot.generation.quote import quote
from bot.generation.sentences import complete, sentences
from bot.grounding.shown import clean
from bot.ports import Checker, Replies, Voice, Writer
from bot.records import Conversation, Findings, Hit, Passage, Receipt, Rung, Understanding, Utterance, Verdict

PERSONAL = frozenset({"order_number", "email", "phone", "postcode"})
"""Entities that make a question personal: its reply is kept for nobody."""

SOURCES = 3
"""Most passages the writer sees: more only distract a small model, and each costs prompt time."""

NEAR = 0.85
"""Share of the best passage's score from which another is shown too. Asked how heavy a tent is, with its description
beside its weight, the writer said how many doors it has: true, and no answer."""

REFUSALS = 2
"""After this many refused sentences the draft is given up; what passed until then stays."""

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
    receipt: Receipt | None = None


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
    """Seconds that the next checked sentence may take before the next rung answers."""

    async def climb(self, question: Understanding, found: Findings, conversation: Conversation, voice: Voice) -> Reply:
        """Answer ``question`` from what was found.

        Raises:
            TurnRefused: the floor or the version changed while sentences were being said.
        """
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
        if key and (kept := await self.replies.recall(key)):
            return Reply(Rung.CACHED, kept)
        reply = await self._write(question, found, conversation, voice)
        if not reply.said:
            reply = replace(reply, rung=Rung.QUOTED, utterances=(quote(question.text, found.hits, question.language),))
        if key:
            await self.replies.remember(key, reply.said or reply.utterances)
        return reply

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
            return Reply(Rung.WRITTEN, said=conversation.said, notes=(*notes, why))
        sources = _sources(found.hits)
        # As it was searched, "how heavy is it?" names the tent: nothing of the turns before has to be in the prompt.
        asked = impersonal(question, found.query)
        prompt = build_prompt(asked, sources, question.language, conversation.said)
        said = list(conversation.said)
        verdicts: list[Verdict] = []
        try:
            # Closed as soon as enough is said, so that the writer's seat is free for others.
            async with (
                aclosing(sentences(self.writer.write(prompt))) as draft,
                aclosing(self._shown_in_time(draft)) as shown,
            ):
                async for sentence in shown:
                    if any(sentence == utterance.text for utterance in said):
                        continue
                    verdict = await self.checker.check(sentence, sources, found.query)
                    verdicts.append(verdict)
                    if verdict.supported:
                        citations = (verdict.citation,) if verdict.citation else ()
                        utterance = Utterance(sentence, citations=citations)
                        await voice.say(utterance)
                        said.append(utterance)
                    if len(said) >= SENTENCES or sum(not v.supported for v in verdicts) >= REFUSALS:
                        break
        except WriterUnavailable as exc:
            notes = (*notes, f"writer: {exc}")
        return Reply(Rung.WRITTEN, said=tuple(said), verdicts=tuple(verdicts), notes=notes)

    async def _shown_in_time(self, draft: AsyncIterator[str]) -> AsyncGenerator[str]:
        """The sentences of a draft as they may be shown, each within the shopper's patience."""
        while True:
            try:
                async with asyncio.timeout(self.patience):
                    sentence = await anext(draft, None)
            except TimeoutError as exc:
                raise WriterUnavailable(f"no sentence within {self.patience:g} s") from exc
            if sentence is None:
                return
            # What a limit of tokens cut off is no sentence.
            if complete(sentence) and (shown := clean(sentence)):
                yield shown


def _sources(hits: Sequence[Hit]) -> list[Passage]:
    """The passages worth showing to the writer: the best one, and those as good."""
    return [hit.passage for hit in hits[:SOURCES] if hit.score >= NEAR * hits[0].score]


def impersonal(question: Understanding, query: str) -> str:
    """The query of a question without what is nobody's business: a writer may be an endpoint on another machine."""
    text = question.text
    for entity in sorted(question.entities, key=lambda entity: entity.start, reverse=True):
        if entity.name in PERSONAL:
            text = f"{text[: entity.start]}[{entity.name}]{text[entity.end :]}"
    return query.replace(question.text, text)


def _key(question: Understanding, found: Findings) -> str | None:
    """Names a reply that anyone may get who asks the same of the same knowledge; None for a personal question.

    The products stand in it too: "how heavy is it?" is another question for each.
    """
    if found.query != question.text or any(entity.name in PERSONAL for entity in question.entities):
        return None
    words = " ".join(unicodedata.normalize("NFKC", question.text).casefold().split()).rstrip("?!. ？！。")
    parts = (found.version, question.language, words, *found.products)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
