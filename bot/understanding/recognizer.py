"""The recognizer: one encoding of a message, read by the trained head of its language, beside entities and mood."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bot.errors import ModelError
from bot.models.lanes import EncoderLane
from bot.recent import Recent, is_anybodys
from bot.records import Mood, State, Understanding, Vector
from bot.settings import Settings
from bot.understanding.entities import EntityExtractor
from bot.understanding.head import CARD, Head, load_head
from bot.understanding.language import detect_language, is_other_script
from bot.understanding.mood import hear_mood
from bot.understanding.training_data import read_training_data

HEADS = "intents"
"""Folder below the data folder with one folder per head."""

INTENTS = "intents"
"""Folder below the knowledge folder with the training data."""

TUNED_POINTER = "tuned"
"""File beside the heads that names the folder of the tuned encoder, below the data folder; there only if one is."""

_SAYS_SOMETHING = re.compile(r"[^\W_]")
_REMEMBERED = 2048
"""Texts whose meaning is kept: some 5 kB each, most of it the vector."""
_NOTHING_SAID = 0.02
"""In scope, when a message is empty or only emoji and punctuation."""


class HeadRecognizer:
    """Understands messages with encoders and trained heads, one for each encoder."""

    def __init__(
        self,
        encoders: EncoderLane,
        heads: Mapping[str, Head],
        entities: EntityExtractor,
        tuned: tuple[str, EncoderLane] | None = None,
    ) -> None:
        """Read vectors of each encoder in ``heads`` by its head.

        ``tuned`` is the name of an encoder that was tuned for the intents, and its lane: it takes the place of the
        English one here, and whoever needs vectors of the other (as retrieval does) sees so by their name.
        """
        self._encoders = encoders
        self._heads = heads
        self._entities = entities
        self._tuned = tuned
        self._recent: Recent[tuple[str, str, str | None], Understanding] = Recent(_REMEMBERED)

    @classmethod
    def open(
        cls, settings: Settings, encoders: EncoderLane, phrases: Mapping[str, Sequence[str]] | None = None
    ) -> "HeadRecognizer":
        """Load what `kefu train intents` made; ``phrases`` adds entity lookups, as product names.

        Raises:
            ModelError: nothing was trained, or it is damaged.
            KnowledgeError: the training data has an error.
        """
        data = read_training_data(settings.knowledge / INTENTS)
        heads = load_heads(settings.data / HEADS)
        return cls(encoders, heads, EntityExtractor(data, phrases), _open_tuned(settings, heads))

    async def understand(self, text: str, state: State) -> Understanding:
        """Understand ``text``; what stands alone ("ok", "42") is read in the light of ``state``."""
        known = (text, state.language, state.requested)
        understood = self._recent.get(known)
        if understood is None:
            understood = await self._read(*known)
            if is_anybodys(text):
                self._recent.keep(known, understood)
        if understood.mood is not Mood.UPSET:
            return understood
        # Displeasure alone adds up over messages; calm and anger need no history.
        return replace(understood, mood=hear_mood(text, [exchange.shopper for exchange in state.history]))

    async def answers(self) -> bool:
        """It is in this process: if that answers, so does it."""
        return True

    async def _read(self, text: str, previous: str, requested: str | None) -> Understanding:
        """What ``text`` means by itself, after one in the language ``previous``, when asked for a slot."""
        language = detect_language(text, previous)
        head, vector = await self._encode(text, language)
        ((intents, in_scope),) = head.read([text], vector[None])
        return Understanding(
            text=text,
            language=language,
            intents=intents,
            in_scope=in_scope if _SAYS_SOMETHING.search(text) else _NOTHING_SAID,
            entities=self._entities.extract(text, requested),
            mood=hear_mood(text),
            vector=vector,
            encoder=head.encoder,
        )

    async def _encode(self, text: str, language: str) -> tuple[Head, Vector]:
        if self._tuned is not None and not is_other_script(language):
            name, lane = self._tuned
            vector, _ = await lane.encode(text, language)
            return self._heads[name], vector
        vector, encoder = await self._encoders.encode(text, language)
        # Data without a word of Chinese trains no multilingual head: its one head then reads what it can.
        head = self._heads.get(encoder)
        if head is None:
            vector, encoder = await self._encoders.encode(text, "en")
            head = self._heads.get(encoder)
        if head is None:
            raise ModelError(f"No head was trained for the encoder {encoder}. Run `kefu train intents`.")
        return head, vector


def _open_tuned(settings: Settings, heads: Mapping[str, Head]) -> tuple[str, EncoderLane] | None:
    pointer = settings.data / HEADS / TUNED_POINTER
    if not pointer.is_file():
        return None
    from bot.models.tune import open_tuned

    encoders = open_tuned(settings, settings.data / pointer.read_text(encoding="utf-8").strip())
    name = encoders.for_language("en").name
    return (name, EncoderLane(encoders)) if name in heads else None


def load_heads(folder: Path) -> dict[str, Head]:
    """Every head below ``folder``, by the name of its encoder.

    Raises:
        ModelError: there is none, or one is damaged.
    """
    heads = [load_head(card.parent) for card in sorted(folder.glob(f"*/{CARD}"))]
    if not heads:
        raise ModelError(f"{folder}: no trained head there. Run `kefu train intents`.")
    return {head.encoder: head for head in heads}
