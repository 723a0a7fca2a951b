"""Suggestions are the shop's own questions, in the shopper's language."""

from bot.generation.suggest import MOST, suggest
from bot.records import Hit, Kind, Passage, PassageId


def hit(title: str, kind: Kind = Kind.FAQ, locale: str = "en") -> Hit:
    return Hit(Passage(PassageId(title), kind, title, "x", "x.yml", locale), 0.5, 0.5, 0.1)


def test_that_the_nearest_questions_are_offered_once_each() -> None:
    hits = [hit("A?"), hit("Returns", Kind.POLICY), hit("B?"), hit("A?"), hit("退货？", locale="zh")]
    hits += [hit("C?"), hit("D?")]
    assert [button.payload for button in suggest(hits, "en")] == ["A?", "B?", "C?"][:MOST]
    assert [button.title for button in suggest(hits, "zh")] == ["退货？"]
    assert suggest([], "en") == ()
