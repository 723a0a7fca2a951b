"""Says wishes in people's own words to a whole server, each in a conversation of its own: is it acted on at once?"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from bot.dialogue.nodes import read_file
from bot.dialogue.policy import step
from bot.dialogue.project import Domain
from bot.dialogue.trail import heard, next_action
from bot.errors import KnowledgeError
from bot.evaluation.conversation_server import scratch, serving
from bot.evaluation.conversation_shop import DATABASE, fill, only_shop, restore
from bot.evaluation.conversation_talk import Talk
from bot.evaluation.stories import actions_of
from bot.records import Act, Ask, State, Turn, Understanding
from bot.settings import Settings

WROTE = "wishes.txt"


@dataclass(frozen=True, slots=True)
class Said:
    """A message and the intents of what it wishes for; several where it wishes for several things."""

    text: str
    intents: tuple[str, ...]


def read_said(file: Path) -> list[Said]:
    """The messages of a file: below each intent, or several with ``+`` between, a list of texts.

    Raises:
        KnowledgeError: the file is of another form.
    """
    node = read_file(file)
    fields = node.fields("intents, each with a list of messages,") if node else {}
    said = [
        Said(row.text("a message"), tuple(kind.split("+")))
        for kind, rows in fields.items()
        for row in rows.items("a list of messages")
    ]
    if not said:
        raise KnowledgeError(f"{file}: holds no wishes.")
    return said


async def evaluate_wishes(settings: Settings, file: Path, out: Path, console: Console) -> dict[str, Any]:
    """Say each message of ``file``; print and return how many led to what they wish for, and list the others.

    A message of several wishes counts where the first is acted on and each of the others waits for its turn, or was
    granted in the same.

    Raises:
        KnowledgeError: ``file`` holds no wishes, or an intent that leads to no form and no action.
    """
    messages = read_said(file)
    kinds: dict[str, dict[str, int]] = {}
    missed = []
    with scratch() as name:
        folder = Path(name)
        prepared = await asyncio.to_thread(fill, folder, None)
        restore(prepared, folder / DATABASE)
        with only_shop(folder / DATABASE):
            own = settings.model_copy(update={"actions_url": None})
            async with serving(own, folder) as served, aiohttp.ClientSession() as session:
                for said in messages:
                    leads = [_leads(intent, served.domain, file) for intent in said.intents]
                    talk = Talk(session, served.url, f"wish-{uuid.uuid4().hex[:8]}")
                    await talk.say(said.text)
                    turn = served.last(talk.sender)
                    assert turn is not None, "a turn was made before its reply came"
                    kind = " + ".join(said.intents)
                    row = kinds.setdefault(kind, {"wishes": 0, "acted_on": 0})
                    row["wishes"] += 1
                    row["acted_on"] += (acted := is_acted_on(turn, leads))
                    if not acted:
                        missed.append(f"{kind}: {said.text}\n    {turn.trace.decision}")
    _write(missed, out)
    acted_on = sum(row["acted_on"] for row in kinds.values())
    console.print(f"{acted_on} of {len(messages)} acted on at first saying")
    return {"wishes": len(messages), "acted_on": acted_on, "kinds": kinds}


def _write(missed: Sequence[str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / WROTE).write_text("\n".join(missed) + "\n", "utf-8")


def is_acted_on(turn: Turn, leads: Sequence[str]) -> bool:
    """Whether a turn began what is wished, and keeps or did all the rest of it."""
    done = {*actions_of(turn), *([turn.state.form] if turn.state.form else [])}
    begun = [name for name in leads if name in done]
    return bool(begun) and len(begun) + len(turn.state.pending) == len(leads)


def _leads(intent: str, domain: Domain, file: Path) -> str:
    """The form or action that follows an intent."""
    state = State()
    meant = heard(state, Understanding("", state.language, (), 0.0), intent)
    match step(next_action(meant, domain), meant, domain):
        case Ask(form):
            return form
        case Act(action):
            return action
    raise KnowledgeError(f"{file}: {intent} leads to no form and no action of the dialogue in the knowledge folder.")
