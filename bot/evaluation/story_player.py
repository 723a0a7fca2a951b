"""Plays test stories over the REST channel of a whole server, each on the demo shop as on its first day."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from bot.evaluation.conversation_server import Served, scratch, serving
from bot.evaluation.conversation_shop import DATABASE, fill, only_shop, restore
from bot.evaluation.conversation_talk import Talk, TalkFailed
from bot.evaluation.stories import Story, differences, read_stories
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Told:
    """A story, and how it went."""

    story: Story
    failures: Sequence[str]
    """What went otherwise, each with its place."""
    said: Sequence[tuple[str, str]]


async def evaluate_stories(settings: Settings, path: Path, out: Path, console: Console) -> dict[str, Any]:
    """Play the stories of ``path``; print and return which failed and why, and write the transcripts to ``out``.

    The shop is the demo's, put back before each story; with `KEFU_ACTIONS_URL` set, it is whatever stands behind that.

    Raises:
        KnowledgeError: ``path`` holds what is no test story.
    """
    stories = read_stories(path)
    told = []
    with scratch() as name:
        folder = Path(name)
        prepared = None if settings.actions_url else await asyncio.to_thread(fill, folder, None)
        if prepared:
            restore(prepared, folder / DATABASE)
        with only_shop(folder / DATABASE):
            async with serving(settings, folder) as served, aiohttp.ClientSession() as session:
                for story in stories:
                    if prepared:
                        restore(prepared, folder / DATABASE)
                    told.append(await _play(story, served, session))
                    console.print(f"{'passed' if not told[-1].failures else 'FAILED'}  {story.name}")
                    for failure in told[-1].failures:
                        console.print(f"        {failure}", markup=False)
    _write(told, out)
    passed = sum(not one.failures for one in told)
    return {
        "stories": len(told),
        "passed": passed,
        "rate": round(passed / len(told), 3),
        "failed": [{"story": one.story.name, "differs": list(one.failures)} for one in told if one.failures],
    }


async def _play(story: Story, served: Served, session: aiohttp.ClientSession) -> Told:
    """Say each message of a story; what comes after the first that goes wrong tells nothing."""
    talk = Talk(session, served.url, f"story-{uuid.uuid4().hex[:8]}")
    for exchange in story.exchanges:
        try:
            heard = await talk.say(exchange.text)
        except TalkFailed as exc:
            return Told(story, [f"{exchange.place}: {exc}"], talk.said)
        turn = served.last(talk.sender)
        assert turn is not None, "a turn was made before its reply came"
        if found := differences(exchange, turn, heard.text):
            return Told(story, [f"{exchange.place}: {what}" for what in found], talk.said)
    return Told(story, [], talk.said)


def _write(told: Sequence[Told], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for one in told:
        lines.append(f"{'passed' if not one.failures else 'FAILED'}: {one.story.name} ({one.story.place})")
        lines += [f"  {'>' if who == 'shopper' else ' '} {text}" for who, text in one.said]
        lines += [f"  ! {failure}" for failure in one.failures]
    (out / "stories.txt").write_text("\n".join(lines) + "\n", "utf-8")
