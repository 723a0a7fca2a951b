"""Stands in for the assistant and its models: answers as the message says, and fails when it is told to."""

import asyncio
import os
from dataclasses import replace

from bot.ports import Voice
from bot.records import Conversation, Floor, Trace, Turn, Utterance
from tests.chaos.script import Manner, manner_of, replies_to

SENTENCE_SECONDS = 0.03
SLOW_SECONDS = 0.4

_ALOUD = {Manner.SPOKEN, Manner.STUMBLE, Manner.POISON}


class Tripped(Exception):
    """What a stumbling turn fails with."""


async def handle(conversation: Conversation, voice: Voice) -> Turn:
    """Answer every message of the mail; what an interrupted try said already is not said again.

    The state counts the messages that were answered, so that a state which was lost or kept twice shows.
    """
    manners = {manner_of(message) for message in conversation.mail}
    texts = [text for message in conversation.mail for text in replies_to(message)]
    rest = [Utterance(f"{text} by {os.getpid()}") for text in texts[len(conversation.said) :]]
    if Manner.SLOW in manners:
        await asyncio.sleep(SLOW_SECONDS)
    while manners & _ALOUD and len(rest) > 1:
        await voice.say(rest.pop(0))
        _trip(manners, conversation)
        await asyncio.sleep(SENTENCE_SECONDS)
    _trip(manners, conversation)
    state = replace(conversation.state, unanswered=conversation.state.unanswered + len(conversation.mail))
    floor = Floor.WAITING if Manner.HANDOVER in manners else None
    return Turn(tuple(rest), state, Trace(notes=(f"try {conversation.tries + 1}",)), floor)


def _trip(manners: set[Manner], conversation: Conversation) -> None:
    if Manner.POISON in manners or (Manner.STUMBLE in manners and conversation.tries == 0):
        raise Tripped(f"{conversation.id} trips over {conversation.mail[0].id}")
