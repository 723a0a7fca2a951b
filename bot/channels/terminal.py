"""The terminal as a channel: a client of the REST channel, and one turn printed with the reasons for it."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.errors import Unavailable
from bot.records import Conversation, ConversationId, Floor, LogId, Message, MessageId, Receipt, State, Turn, Utterance

CHANNEL = "terminal"


async def talk(url: str, sender: str, console: Console) -> None:
    """Read lines until the end of input, send each to the server at ``url``, print the replies as they stream.

    Raises:
        Unavailable: no server answers there.
    """
    sender = sender or f"terminal-{uuid.uuid4().hex[:8]}"
    async with aiohttp.ClientSession(url) as session:
        try:
            async with session.get("/healthz") as response:
                response.raise_for_status()
        except aiohttp.ClientError as exc:
            raise Unavailable(f"No Kefu answers at {url}. Start it with `make serve` or `kefu serve`.") from exc
        console.print(f"Talking to {url} as {sender}. An empty line or Ctrl-D ends it.", style="dim")
        while text := _read(console):
            await _exchange(session, sender, text, console)


def _read(console: Console) -> str:
    # Reading blocks the loop on purpose: nothing else runs in this process.
    try:
        return console.input("[bold cyan]You [/]").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


async def _exchange(session: aiohttp.ClientSession, sender: str, text: str, console: Console) -> None:
    message = {"sender": sender, "message": text, "message_id": uuid.uuid4().hex}
    try:
        async with session.post("/webhooks/rest/webhook?stream=true", json=message) as response:
            if response.status != 200:
                console.print(f"[red]{escape((await response.json())['message'])}[/]")
                return
            async for line in response.content:
                _print_row(json.loads(line), console)
    except aiohttp.ClientError as exc:
        console.print(f"[red]The connection broke ({escape(str(exc))}); your message may still be answered.[/]")


def _print_row(row: Mapping[str, Any], console: Console) -> None:
    if row.get("text"):
        console.print(f"[bold green]Shop[/] {escape(row['text'])}")
    if row.get("buttons"):
        console.print("     " + "  ".join(f"[dim]\\[[/]{escape(b['title'])}[dim]][/]" for b in row["buttons"]))
    for source in row.get("custom", {}).get("sources", ()):
        console.print(f"     [dim]↳ {escape(source['title'])} · {escape(source['source'])}[/]")


def first_message(text: str) -> Conversation:
    """A new conversation with one message, for a turn that is printed and not kept."""
    now = datetime.now(UTC)
    name = ConversationId(f"{CHANNEL}:{uuid.uuid4().hex}")
    message = Message(MessageId("1"), name, CHANNEL, "terminal", text, now, log_id=LogId("1-0"))
    return Conversation(name, 0, 0, Floor.ASSISTANT, State(), (message,))


class Spoken:
    """A voice that keeps what is said; implements `ports.Voice`."""

    def __init__(self) -> None:
        self.utterances: list[Utterance] = []

    async def begin(self) -> None:
        """Nobody else has the turn."""

    def did(self, receipt: Receipt) -> None:
        """It stands in the turn too."""

    async def say(self, utterance: Utterance) -> None:
        """Keep it."""
        self.utterances.append(utterance)


class Forgetful:
    """Keeps no reply; implements `ports.Replies`."""

    async def recall(self, key: str) -> None:
        """Nothing is kept."""

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        """Forget it."""


def show_turn(turn: Turn, console: Console) -> None:
    """Print a turn: what was said, from where, and why."""
    for utterance in turn.utterances:
        console.print(f"[bold green]Shop[/] {escape(utterance.text)}")
        if utterance.buttons:
            console.print("     " + "  ".join(f"[dim]\\[[/]{escape(b.title)}[dim]][/]" for b in utterance.buttons))
    for citation in dict.fromkeys(citation for utterance in turn.utterances for citation in utterance.citations):
        console.print(f"     [dim]↳ {escape(citation.title)} · {escape(citation.source)}[/]")
    console.print()
    console.print(_why(turn))


def _why(turn: Turn) -> Table:
    trace = turn.trace
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("rung", f"[bold]{trace.rung}[/]"),
        ("decision", escape(trace.decision)),
        ("language, mood", f"{trace.language}, {trace.mood}"),
        ("intents", "  ".join(f"{escape(intent.name)} {intent.confidence:.2f}" for intent in trace.intents)),
        ("in scope", f"{trace.in_scope:.2f}"),
        ("entities", "  ".join(f"{escape(e.name)}={escape(e.value)}" for e in trace.entities)),
        ("searched for", escape(trace.query)),
        ("answerable", f"{trace.answerable:.2f}"),
        ("passages", "\n".join(f"{score:.3f}  {escape(name)}" for name, score in trace.passages)),
        ("notes", escape("\n".join(trace.notes))),
        ("checked", "\n".join(_verdict_lines(turn))),
        ("took", "  ".join(f"{stage} {spent:.1f} ms" for stage, spent in trace.milliseconds.items())),
    ]
    for name, value in rows:
        if value:
            table.add_row(name, value)
    return table


def _verdict_lines(turn: Turn) -> list[str]:
    lines = []
    for verdict in turn.trace.verdicts:
        mark = "[green]✓[/]" if verdict.supported else "[red]✗[/]"
        lines.append(f"{mark} {escape(verdict.sentence)} [dim]({verdict.similarity:.2f})[/]")
        for claim in verdict.claims:
            mark = "[green]✓[/]" if claim.supported else "[red]✗[/]"
            lines.append(f"   {mark} {claim.kind} {escape(claim.text)} [dim]{escape(claim.reason)}[/]")
    return lines
