"""What the measures, systems and sets of `kefu eval answers` are called and mean, wherever they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a system over a set."""

    group: str
    key: str
    short: str
    """For a table in a terminal."""
    name: str
    meaning: str
    lower_is_better: bool = False
    judges: bool = True
    """More, or less, of it is better; a length is neither."""
    share: bool = True
    """In [0, 1], and shown as per cent where people read it."""


GROUPS: Mapping[str, str] = {
    "Right": "Is it the right reply?",
    "Faithful": "Does it say what the sources say, and how?",
    "Honest": "Does it say so when it cannot know?",
}


MEASURES = (
    Measure(
        "Right",
        "facts",
        "facts",
        "Has every fact",
        "Share of the answerable questions to which the reply holds every number, name and date that a right one "
        "must hold. A question that got no reply counts as missed.",
    ),
    Measure(
        "Right",
        "f1",
        "F1",
        "Words like the right reply",
        "How many words the reply shares with a reply that a person wrote, neither too few nor too many (token F1, "
        "in per cent). Half is good: the same thing can be said in many ways. No reply counts as 0.",
    ),
    Measure(
        "Right",
        "f1_answered",
        "F1 ans.",
        "… where it replied",
        "The same, over the questions that got a reply.",
    ),
    Measure(
        "Right",
        "recall",
        "recall",
        "Words of the right reply",
        "How much of the right reply is in what was said, however much else was said.",
    ),
    Measure(
        "Faithful",
        "supported",
        "supp.",
        "Sentences with a source",
        "Share of the sentences that the grounding check finds supported by a passage. A quoted page can hold "
        "sentences that the check is too careful to pass.",
    ),
    Measure(
        "Faithful",
        "made_up",
        "made up",
        "Replies with an invented figure",
        "Share of the replies with a number, price, date, code or link that stands in no passage found. It is "
        "counted digit by digit and without the check, so it judges the check as well.",
        lower_is_better=True,
    ),
    Measure(
        "Right",
        "cited",
        "cited",
        "Names the right source",
        "Share of the replies to answerable questions whose first source is one that answers the question.",
    ),
    Measure(
        "Honest",
        "abstain_recall",
        "abst. R",
        "Says so when it cannot know",
        "Share of the questions without an answer to which it said that it does not know.",
    ),
    Measure(
        "Honest",
        "abstain_precision",
        "abst. P",
        "Right to say so",
        "Share of those times that it said it does not know at which nothing did answer the question.",
    ),
    Measure("Honest", "abstain_f1", "abst. F1", "Both in one", "The harmonic mean of the two above."),
    Measure(
        "Faithful",
        "words",
        "words",
        "Words in a reply",
        "How long replies are.",
        judges=False,
        share=False,
    ),
    Measure(
        "Faithful",
        "repetition",
        "rep.",
        "Repeats itself",
        "Share of the groups of three words that the same reply has said before.",
        lower_is_better=True,
    ),
)

SYSTEM_NAMES: Mapping[str, str] = {
    "base": "Plain model",
    "tuned": "Trained model",
    "quoted": "Quote",
    "served": "Kefu",
}

SYSTEM_MEANINGS: Mapping[str, str] = {
    "base": "The language model as it is published, with the passages found in front of it, and nobody checking.",
    "tuned": "The same model with the adapter that it was trained with, still unchecked.",
    "quoted": "The best passage as it stands, without any language model.",
    "served": "What shoppers get: approved answers, checked sentences of the model, else a quote, else “I don’t know”.",
}

SET_MEANINGS: Mapping[str, str] = {
    "shop": "Your own questions, as shoppers type them, asked of your own knowledge.",
    "shop_hard": "Your own questions that are put obliquely on purpose, away from the words of your pages.",
    "epqa": "Shoppers’ questions about a product, with its page, reviews and community answers.",
    "hetpqa": "Shoppers’ questions, each with the one snippet that answers it.",
    "semipqa": "Questions over the attributes of a product; there is no right reply, only a right source.",
    "semipqa_d2t": "One attribute of a product, to be told in a sentence.",
    "squad2_half": "Encyclopedia paragraphs; half of the questions have no answer there.",
    "doc2dial_val": "Turns of talks about public services, over long documents.",
    "rgb": "Chinese news: half of the questions among passages that hold no answer.",
}


def written(measure: Measure, value: float | None) -> str:
    """A value for people: per cent, or words; a dash where there is nothing to measure."""
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if measure.share else f"{value:.1f}"
