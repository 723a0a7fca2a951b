"""Searches the current version of the knowledge, and takes up a new version while the server runs."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from bot.errors import KnowledgeError
from bot.models.lanes import EncoderLane
from bot.recent import Recent, is_anybodys
from bot.records import Entity, Findings, Passage, State, Understanding, Vector
from bot.retrieval.build import current_version
from bot.retrieval.index import Index, read_index
from bot.retrieval.query import Question, Reading, read_question, read_text
from bot.retrieval.reader import Reader
from bot.retrieval.search import LIMIT, search
from bot.settings import Settings

_ON_LOOP = 10_000
"""Rows that are searched in well under 2 ms, so that the way to a thread and back would cost more than it saves."""

_LOOK_EVERY = 1.0
"""Seconds between looks for a new index."""

_READINGS = 2048
"""Texts of which the wishes are kept."""

_FINDINGS = 512
"""Questions whose findings are kept: some 10 kB each, the passages with them."""

_log = logging.getLogger(__name__)


class Library:
    """The version that is searched now."""

    def __init__(self, settings: Settings) -> None:
        """Open the current version.

        Raises:
            KnowledgeError: there is none, or it cannot be read.
        """
        self._settings = settings
        folder = current_version(settings)
        if folder is None:
            raise KnowledgeError(f"{settings.data}: no index yet; build it with `kefu index`.")
        self.folder: Path = folder
        """Of the version; another name in the pointer means news."""
        self._refused: Path | None = None
        self.index = read_index(folder)

    def refresh(self) -> None:
        """Take up a version that was built meanwhile; one that cannot be read is left alone, and logged once."""
        folder = current_version(self._settings)
        if folder in (None, self.folder, self._refused):
            return
        assert folder is not None, "None is refused above"
        try:
            self.index = read_index(folder)
        except KnowledgeError as exc:
            self._refused = folder
            _log.error("The new index is not used: %s", exc)
            return
        self.folder = folder
        _log.info("Searching index %s, %d passages.", self.index.version, len(self.index.passages))


class HybridRetriever:
    """Implements ``Retriever`` over an index of ``build_index``."""

    def __init__(self, settings: Settings, lane: EncoderLane, reader: Reader | None = None) -> None:
        """Open the current index; ``reader`` has the last word on what answers.

        Raises:
            KnowledgeError: there is none, or it cannot be read.
        """
        self._settings = settings
        self._lane = lane
        self._reader = reader
        self._library = Library(settings)
        self._refreshing: asyncio.Task[None] | None = None
        self._looked = -_LOOK_EVERY
        self._read: Recent[tuple[str, str, tuple[Entity, ...]], Reading] = Recent(_READINGS)
        self._found: Recent[tuple[str, str, str, Question, int], Findings] = Recent(_FINDINGS)

    @property
    def version(self) -> str:
        """Fingerprint of the index that is searched now."""
        return self._library.index.version

    @property
    def passages(self) -> Sequence[Passage]:
        """All that is searched now."""
        return self._library.index.passages

    @property
    def index(self) -> Index:
        """The index that is searched now."""
        return self._library.index

    async def search(self, understanding: Understanding, state: State, limit: int = LIMIT) -> Findings:
        """Find the passages for what was understood, best first; ``state`` resolves "and in red?".

        Raises:
            Unavailable: the encoder's lane is closed.
        """
        self._look_for_news()
        index = self._library.index
        if not index.passages:  # A Rasa project without knowledge: its rules and stories are all there is.
            return Findings(understanding.text, (), 0.0, version=index.version)
        question = read_question(understanding, state, index.catalogue, self._reading(understanding, index))
        # All that the findings depend on: a question that was not rewritten is searched by the vector of its text.
        known = (index.version, understanding.encoder, understanding.text, question, limit)
        if found := self._found.get(known):
            return found
        vector, encoder = await self._encode(question, understanding, index)
        if index.lexicon.size <= _ON_LOOP:
            found = search(index, question, vector, encoder, limit)
        else:
            found = await asyncio.to_thread(search, index, question, vector, encoder, limit)
        if self._reader is not None:
            found = await self._reader.read(found, question.language)
        return self._found.keep(known, found) if is_anybodys(question.text) else found

    def _reading(self, understanding: Understanding, index: Index) -> Reading:
        known = (index.version, understanding.text, understanding.entities)
        if reading := self._read.get(known):
            return reading
        reading = read_text(understanding.text.strip(), understanding.entities, index.catalogue)
        return self._read.keep(known, reading) if is_anybodys(understanding.text) else reading

    async def _encode(self, question: Question, understanding: Understanding, index: Index) -> tuple[Vector, str]:
        """The question's vector in one of the index's spaces; understanding's own where the text is still the same."""
        if understanding.vector is not None and understanding.encoder in index.spaces and not question.rewritten:
            return understanding.vector, understanding.encoder
        vector, encoder = await self._lane.encode(question.text, question.language)
        if encoder in index.spaces:
            return vector, encoder
        for locale in dict.fromkeys(map(str, index.locales)):
            # A language that the shop has nothing in: its passages' own encoder is the best guess.
            vector, encoder = await self._lane.encode(question.text, locale)
            if encoder in index.spaces:
                return vector, encoder
        raise KnowledgeError(f"The index has no vectors of {encoder}; build it with `kefu index`.")

    def _look_for_news(self) -> None:
        """Once a second at most, and beside the searches, because opening a version takes a while."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY and (self._refreshing is None or self._refreshing.done()):
            self._looked = now
            if current_version(self._settings) != self._library.folder:
                self._refreshing = asyncio.create_task(asyncio.to_thread(self._library.refresh), name="new index")
