"""What a server leaves behind of a conversation: its log, and the passages that each turn stood on."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from bot.conversations import open_conversations
from bot.records import ConversationId, Entry, EntryKind, Passage, Rung, Trace
from bot.retrieval.build import current_version
from bot.retrieval.index import read_index
from bot.settings import Settings
from tests.journeys.conftest import Server, Shopper

SHOPS_OWN = frozenset({Rung.RESPONSE, Rung.UNANSWERED, Rung.APPROVED, Rung.QUOTED, Rung.LISTED})
"""Rungs on which no model has a word: all that is said, the shop wrote."""

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")


async def entries(server: Server, sender: str) -> list[Entry]:
    """The log of a conversation, read from the server's own Redis."""
    async with open_conversations(Settings(data=server.data)) as conversations:
        return await conversations.read(ConversationId(f"rest:{sender}"))


def turns(log: Iterable[Entry]) -> list[Entry]:
    """The ends of turns in a log."""
    return [entry for entry in log if entry.kind is EntryKind.TURN]


async def last_turn(server: Server, shopper: Shopper) -> Trace:
    """Why the last turn of a shopper said what it said."""
    trace = turns(await entries(server, shopper.sender))[-1].trace
    assert trace is not None, "every turn leaves its trace"
    return trace


def passages(server: Server, trace: Trace) -> list[Passage]:
    """The passages that a turn had found, as the server's index has them."""
    version = current_version(Settings(data=server.data))
    assert version is not None, "a server has an index"
    known = _known(version)
    return [known[name] for name, _ in trace.passages]


@lru_cache(maxsize=4)
def _known(version: Path) -> dict[str, Passage]:
    return {passage.id: passage for passage in read_index(version).passages}


def numbers(text: str) -> set[str]:
    """The numbers in a text, however they are written: ``2,150`` is ``2150``, ``5.90`` is ``5.9``."""
    found = _NUMBER.findall(_THOUSANDS.sub("", text))
    return {f"{float(number):.10g}" if number.count(".") < 2 and number.replace(".", "").isdigit() else number
            for number in found}  # fmt: skip


def without_source(server: Server, trace: Trace, text: str) -> set[str]:
    """The numbers of ``text`` that stand in no passage of its turn."""
    told = (
        " ".join((passage.title, passage.text, *passage.questions, *passage.attributes.values()))
        for passage in passages(server, trace)
    )
    return numbers(text) - numbers(" ".join(told))
