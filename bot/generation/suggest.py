"""What a shopper may have meant: the shop's own questions that come closest, to choose from. Pure."""

from collections.abc import Sequence

from bot.records import Button, Hit, Kind

MOST = 3
"""More buttons than a phone shows at once are not read."""


def suggest(hits: Sequence[Hit], language: str) -> tuple[Button, ...]:
    """Buttons with the nearest FAQ questions in the shopper's language, best first.

    A button sends its question as the shop wrote it, so the answer to it is certain.
    """
    titles = (hit.passage.title for hit in hits if hit.passage.kind is Kind.FAQ and hit.passage.locale == language)
    return tuple(Button(title, title) for title in dict.fromkeys(titles))[:MOST]
