"""What a server's log says was said, in the shape in which the widget shows it."""

from bot.conversations import open_conversations
from bot.records import ConversationId, Entry, EntryKind
from bot.settings import Settings
from tests.journeys.conftest import Server
from tests.journeys.widget.browser import Said, Tab


async def log_of(tab: Tab) -> list[Entry]:
    """The log of the tab's shopper, read from the server's own Redis."""
    return await read_log(tab.server, await tab.shopper())


async def read_log(server: Server, shopper: str) -> list[Entry]:
    async with open_conversations(Settings(data=server.data)) as conversations:
        return await conversations.read(ConversationId(f"web:{shopper}"))


def as_shown(log: list[Entry]) -> list[tuple[str, str, str]]:
    """Who said what, with the bubble's id: sentences of one turn stand in one bubble."""
    bubbles: list[tuple[str, str, str]] = []
    turn = None
    for entry in log:
        if entry.message is not None:
            bubbles.append(("shopper", entry.message.id, letters(entry.message.shown or entry.message.text)))
            turn = None
        elif entry.utterance is not None:
            text = letters((entry.utterance.custom or {}).get("lead", entry.utterance.text))  # Cards have the rest.
            if entry.kind is EntryKind.ASSISTANT and entry.turn == turn and turn is not None:
                bubbles[-1] = (*bubbles[-1][:2], bubbles[-1][2] + text)
            else:
                bubbles.append((entry.kind.value, entry.id, text))
            turn = entry.turn if entry.kind is EntryKind.ASSISTANT else None
    return bubbles


def letters(text: str) -> str:
    """The text without what rendering changes: white space, stars and dashes."""
    return "".join(character for character in text if character.isalnum())


async def assert_as_logged(tab: Tab) -> list[Said]:
    """Wait for quiet; then the screen shows the log: no line is lost, doubled or out of order."""
    await tab.quiet()
    logged = as_shown(await log_of(tab))
    said = await tab.until(lambda said: len(said) >= len(logged))
    assert [(line.by, line.id, letters(line.text)) for line in said] == logged
    return said
