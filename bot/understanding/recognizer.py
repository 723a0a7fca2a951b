"""The recognizer: one encoding of a message, read by the trained head of its language, beside entities and mood."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.errors import ModelError
from bot.models.lanes import EncoderLane
from bot.records import State, Understanding
from bot.settings import Settings
from bot.understanding.entities import EntityExtractor
from bot.understanding.head import CARD, Head, load_head
from bot.understanding.language import detect_language
from bot.understanding.mood import hear_mood
from bot.understanding.training_data import read_training_data

HEADS = "intents"
"""Folder below the data folder with one folder per head."""

INTENTS = "intents"
"""Folder below the knowledge folder with the training data."""

_SAYS_SOMETHING = re.compile(r"[^\W_]")
_NOTHING_SAID = 0.02
"""In scope, when a message is empty or only emoji and punctuation."""


class HeadRecognizer:
    """Understands messages with a frozen encoder and trained heads, one for each encoder."""

    def __init__(self, encoders: EncoderLane, heads: Mapping[str, Head], entities: EntityExtractor) -> None:
        """Read vectors of each encoder in ``heads`` by its head."""
        self._encoders = encoders
        self._heads = heads
        self._entities = entities

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
        return cls(encoders, load_heads(settings.data / HEADS), EntityExtractor(data, phrases))

    async def understand(self, text: str, state: State) -> Understanding:
        """Understand ``text``; what stands alone ("ok", "42") is read in the light of ``state``."""
        language = detect_language(text, state.language)
        vector, encoder = await self._encoders.encode(text, language)
        head = self._heads.get(encoder)
        if head is None:
            raise ModelError(f"No head was trained for the encoder {encoder}. Run `kefu train intents`.")
        ((intents, in_scope),) = head.read([text], vector[None])
        return Understanding(
            text=text,
            language=language,
            intents=intents,
            in_scope=in_scope if _SAYS_SOMETHING.search(text) else _NOTHING_SAID,
            entities=self._entities.extract(text, state.requested),
            mood=hear_mood(text, [exchange.shopper for exchange in state.history]),
            vector=vector,
            encoder=encoder,
        )


def load_heads(folder: Path) -> dict[str, Head]:
    """Every head below ``folder``, by the name of its encoder.

    Raises:
        ModelError: there is none, or one is damaged.
    """
    heads = [load_head(card.parent) for card in sorted(folder.glob(f"*/{CARD}"))]
    if not heads:
        raise ModelError(f"{folder}: no trained head there. Run `kefu train intents`.")
    return {head.encoder: head for head in heads}
