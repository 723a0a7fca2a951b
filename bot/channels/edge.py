"""What every channel asks before it takes anything: may this page call, who is it, is it too much, is there room."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.channels.guard import Guard
from bot.channels.limits import Limits
from bot.channels.load import Load
from bot.channels.sessions import Sessions
from bot.conversations import Conversations
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Edge:
    """One set for all channels of a process: whoever is refused by one of them is refused by the others."""

    guard: Guard
    sessions: Sessions
    limits: Limits
    load: Load

    @classmethod
    def over(
        cls, conversations: Conversations, settings: Settings, images: Callable[[], Iterable[str]] = tuple
    ) -> "Edge":
        """The edge before ``conversations``; ``images`` tells the hosts of the catalogue's pictures.

        Raises:
            SettingError: an origin, a host, a network or a key in the settings is none.
        """
        guard = Guard(settings, images)
        limits = Limits(settings, conversations)
        sessions = Sessions(settings, lambda request: limits.admit_session(guard.address(request)))
        return cls(guard, sessions, limits, Load(conversations, settings))
