"""Judges one conversation by its log and by what its shopper saw: nothing lost, nothing twice, all in order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from bot.channels.websocket import HISTORY
from bot.records import Entry, EntryKind, Message, MessageId
from bot.worker import SORRY
from tests.chaos.diary import Diary, Reply, Sent
from tests.chaos.script import Manner, manner_of, replies_to


class Wrong(StrEnum):
    """How a promise can be broken."""

    LOST = "lost"
    DOUBLED = "doubled"
    REORDERED = "reordered"
    ALTERED = "altered"
    """Something is there that nobody said, or a window shows something else than the log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    wrong: Wrong
    what: str


@dataclass(slots=True)
class Verdict:
    """What was found in one conversation."""

    findings: list[Finding] = field(default_factory=list)
    set_aside: int = 0
    """Messages that were answered with an apology after five tries."""
    innocent: int = 0
    """Of these, messages of turns that were not made to fail: five faults hit them."""
    answer_seconds: list[float] = field(default_factory=list)
    """From each message to the end of its turn, by Redis's clock."""


@dataclass(frozen=True, slots=True)
class _Turn:
    entry: Entry
    texts: Reply
    set_aside: bool


def judge(diary: Diary, log: Sequence[Entry], answered: int) -> Verdict:
    """Hold ``log`` against ``diary``. ``answered`` is how many messages the conversation's state has counted."""
    verdict = Verdict()
    mail = [entry.message for entry in log if entry.kind is EntryKind.SHOPPER and entry.message is not None]
    turns = list(_turns(log, verdict.findings))
    verdict.findings += _judge_mail(diary, mail)
    verdict.findings += _judge_cover(mail, turns)
    verdict.findings += _judge_sentences(mail, turns)
    verdict.findings += _judge_replies(diary, turns)
    verdict.findings += _judge_windows(diary, log)
    poisons = {message.id for message in mail if manner_of(message) is Manner.POISON}
    for turn in turns:
        covers = turn.entry.covers
        verdict.set_aside += len(covers) * turn.set_aside
        verdict.innocent += len(covers) * (turn.set_aside and not poisons & set(covers))
    if not verdict.findings and answered != len(mail) - verdict.set_aside:
        told = f"the state counts {answered} messages, the log {len(mail) - verdict.set_aside} that were answered"
        verdict.findings.append(Finding(Wrong.ALTERED, told))
    came = {entry.message.id: entry.at for entry in log if entry.message is not None}
    verdict.answer_seconds = [
        (turn.entry.at - came[message]).total_seconds()
        for turn in turns
        for message in turn.entry.covers
        if message in came
    ]
    return verdict


def takeovers(log: Sequence[Entry], killed: Mapping[int, float]) -> Iterator[float]:
    """Seconds from the death of a server in the middle of a reply to the next word of it, from another."""
    for last, entry in pairwise(entry for entry in log if entry.kind is EntryKind.ASSISTANT):
        died = killed.get(_speaker(last))
        if died is not None and last.turn == entry.turn and last.at.timestamp() < died < entry.at.timestamp():
            yield entry.at.timestamp() - died


def _speaker(entry: Entry) -> int:
    """The process that said it; -1 for an apology, which names none."""
    speaker = _text(entry).rpartition(" by ")[2]
    return int(speaker) if speaker.isdecimal() else -1


def plain(utterance: str) -> str:
    """What was said, without who said it."""
    return utterance.partition(" by ")[0]


def _turns(log: Sequence[Entry], findings: list[Finding]) -> Iterator[_Turn]:
    """The turns of ``log``; what stands outside of its own turn is found on the way."""
    spoken: list[Entry] = []
    for entry in log:
        if entry.kind is EntryKind.ASSISTANT:
            spoken.append(entry)
        if entry.kind is EntryKind.TURN:
            if strangers := [other for other in spoken if other.turn != entry.turn]:
                findings.append(Finding(Wrong.REORDERED, f"{_show(strangers)} stand in the turn {_show([entry])}"))
            texts = tuple(plain(said.utterance.text) for said in spoken if said.utterance is not None)
            yield _Turn(entry, texts, set_aside=entry.trace is not None and entry.trace.decision == "set aside")
            spoken = []
    if spoken:
        findings.append(Finding(Wrong.LOST, f"{_show(spoken)} have no end of a turn behind them"))


def _judge_mail(diary: Diary, mail: Sequence[Message]) -> Iterator[Finding]:
    """Each message stands in the log once, and after all that was accepted before it was sent."""
    times = Counter(message.id for message in mail)
    for message, sent in diary.sent.items():
        if sent.accepted is None:
            yield Finding(Wrong.LOST, f"{message} was never accepted")
        elif not sent.answered:
            yield Finding(Wrong.LOST, f"{message} was accepted and its shopper saw no answer")
        if sent.accepted is not None and not times[message]:
            yield Finding(Wrong.LOST, f"{message} was accepted and does not stand in the log")
        if times[message] > 1:
            yield Finding(Wrong.DOUBLED, f"{message} stands in the log {times[message]} times")
    for stranger in times.keys() - diary.sent.keys():
        what = "was refused" if stranger in diary.refused else "was never sent"
        yield Finding(Wrong.ALTERED, f"{stranger} {what} and stands in the log")
    newest: Sent | None = None
    for sent in (diary.sent[message.id] for message in mail if message.id in diary.sent):
        if newest is not None and sent.accepted is not None and sent.accepted < newest.began:
            yield Finding(Wrong.REORDERED, f"{newest.line.id} stands before {sent.line.id}, which was accepted first")
        newest = sent if newest is None or sent.began > newest.began else newest


def _judge_cover(mail: Sequence[Message], turns: Sequence[_Turn]) -> Iterator[Finding]:
    """Each message is covered by exactly one turn, and the turns are in the order of the mail."""
    covered = [message for turn in turns for message in turn.entry.covers]
    times = Counter(covered)
    for message in {message.id for message in mail}:
        if times[message] == 0:
            yield Finding(Wrong.LOST, f"{message} is covered by no turn")
        if times[message] > 1:
            yield Finding(Wrong.DOUBLED, f"{message} is covered by {times[message]} turns")
    for stranger in times.keys() - {message.id for message in mail}:
        yield Finding(Wrong.ALTERED, f"{stranger} is covered and does not stand in the log")
    first_covers, first_mail = list(dict.fromkeys(covered)), list(dict.fromkeys(message.id for message in mail))
    if first_covers != [message for message in first_mail if times[message]]:
        yield Finding(Wrong.REORDERED, f"turns cover {first_covers}, the mail is {first_mail}")


def _judge_sentences(mail: Sequence[Message], turns: Sequence[_Turn]) -> Iterator[Finding]:
    """Each turn says each sentence for its mail once, whole and in order."""
    written = {message.id: message for message in mail}
    for turn in turns:
        messages = [written[message] for message in turn.entry.covers if message in written]
        wanted = tuple(text for message in messages for text in replies_to(message))
        if turn.set_aside:
            # It may have begun to answer in one of its tries; what it began is part of the order too.
            wanted = (*wanted[: len(turn.texts) - 1], SORRY["en"])
        if turn.texts == wanted:
            continue
        told = f"{_show([turn.entry])} says {turn.texts} and not {wanted}"
        if Counter(turn.texts) == Counter(wanted):
            yield Finding(Wrong.REORDERED, told)
        elif any(times > 1 for times in Counter(turn.texts).values()):
            yield Finding(Wrong.DOUBLED, told)
        elif set(turn.texts) <= set(wanted):
            yield Finding(Wrong.LOST, told)
        else:
            yield Finding(Wrong.ALTERED, told)
    poisons = {message.id for message in mail if manner_of(message) is Manner.POISON}
    for turn in turns:
        if poisons & set(turn.entry.covers) and not turn.set_aside:
            yield Finding(Wrong.ALTERED, f"{_show([turn.entry])} answers what nobody could answer")


def _judge_replies(diary: Diary, turns: Sequence[_Turn]) -> Iterator[Finding]:
    """Whoever asked over REST got the reply in the log, all of it, for each delivery."""
    opened: dict[MessageId, Reply] = {turn.entry.covers[0]: turn.texts for turn in turns if turn.entry.covers}
    for message, sent in diary.sent.items():
        wanted = opened.get(message, ())  # What the turn of another message covers is answered there.
        for reply in sent.replies:
            if tuple(map(plain, reply)) != wanted:
                yield Finding(Wrong.ALTERED, f"{message} was answered with {reply}, the log has {wanted}")
        for piece in sent.pieces:
            if tuple(map(plain, piece)) != wanted[: len(piece)]:
                yield Finding(Wrong.ALTERED, f"{message} was begun to answer with {piece}, the log has {wanted}")


def _judge_windows(diary: Diary, log: Sequence[Entry]) -> Iterator[Finding]:
    """Each window shows the log, line by line."""
    told = [(str(entry.id), shown(entry)) for entry in log if entry.kind is not EntryKind.RECEIPT]
    for n, window in enumerate(diary.windows):
        name = f"window {n}"
        for problem in window.problems:
            yield Finding(Wrong.DOUBLED, f"{name}: {problem}")
        if window.resyncs:
            yield Finding(Wrong.LOST, f"{name} was told {window.resyncs} times that its lines are gone")
        wanted = told[-HISTORY:] if window.late else told
        lines = list(window.lines)
        if lines == wanted:
            continue
        all_seen, all_wanted = set(lines), set(wanted)
        missing = [line for line in wanted if line not in all_seen]
        strangers = [line for line in lines if line not in all_wanted]
        if missing:
            yield Finding(Wrong.LOST, f"{name} lacks {missing}")
        if strangers:
            yield Finding(Wrong.ALTERED, f"{name} shows {strangers}, which the log has not")
        if not missing and not strangers:
            yield Finding(Wrong.DOUBLED if len(lines) > len(wanted) else Wrong.REORDERED, f"{name} shows {lines}")


def shown(entry: Entry) -> str:
    """What a window says of ``entry``."""
    about = entry.feedback and entry.feedback.about
    return f"{entry.kind} {_text(entry) or ' '.join(entry.covers) or entry.floor or about}"


def _text(entry: Entry) -> str:
    if entry.message is not None:
        return entry.message.text
    return "" if entry.utterance is None else entry.utterance.text


def _show(entries: Sequence[Entry]) -> str:
    return ", ".join(f"{entry.id} {entry.kind} {_text(entry) or list(entry.covers)}" for entry in entries)
