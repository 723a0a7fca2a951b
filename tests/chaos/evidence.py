"""Gathers what a storm left: every log, what the windows show, every key, and what the servers wrote of errors."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.conversations.keys import SHARDS, ConversationKeys, ready, rule_of
from bot.records import ConversationId, Entry, LogId
from tests.chaos.diary import Diary
from tests.chaos.report import Report
from tests.chaos.servers import Store, Victim
from tests.chaos.stand_in import Tripped
from tests.chaos.verdict import Finding, Wrong, judge, takeovers
from tests.chaos.windows import WidgetShopper

RETENTION = timedelta(days=90)

_QUIET_LOOKS = 20
"""Most looks at the logs, a second apart, until two show the same."""

_RECORD = re.compile(r"^(?=(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) |Fatal )", re.MULTILINE)
"""Where a line of a server's log begins; a traceback belongs to the line before it."""


async def gather_evidence(
    report: Report, store: Store, servers: Sequence[Victim], folder: Path, in_widgets: Sequence[WidgetShopper]
) -> None:
    """Judge every log while the windows are open; then stop the servers, and look at what they leave."""
    wire = Wire(store.url)
    conversations = Conversations(wire, retention=RETENTION)
    try:
        logs = await _quiet_logs(conversations, report.diaries)
        shows = []
        for shopper in in_widgets:
            log = logs[shopper.diary.conversation]
            shows.append(shopper.show(log[-1].id if log else None))
        await asyncio.gather(*shows)
        killed = {process: when for server in servers for process, when in server.killed.items()}
        report.takeovers = [seconds for log in logs.values() for seconds in takeovers(log, killed)]
        for diary in report.diaries:
            found = await conversations.load(diary.conversation)
            answered = found.state.unanswered if found else 0
            report.verdicts[diary.conversation] = judge(diary, logs[diary.conversation], answered)
    finally:
        await conversations.aclose()
        await wire.aclose()
    for server in servers:
        await server.stop()
        report.slowest_stop = max(report.slowest_stop, server.slowest_stop)
        report.alarms.update(server.failures)
    async with Redis.from_url(store.url) as client:
        report.keys = [finding async for finding in _judge_keys(client, report.diaries)]
    report.slowest_start = store.slowest_start
    _read_server_logs(report, folder)


async def _quiet_logs(conversations: Conversations, diaries: Sequence[Diary]) -> dict[ConversationId, list[Entry]]:
    """All logs, once nothing comes any more: a thumb may be on its way, or what naive conversations say twice."""
    lengths: list[int] = []
    for _ in range(_QUIET_LOOKS):
        logs = {diary.conversation: await _whole_log(conversations, diary) for diary in diaries}
        before, lengths = lengths, [len(log) for log in logs.values()]
        if before == lengths:
            break
        await asyncio.sleep(1)
    return logs


async def _whole_log(conversations: Conversations, diary: Diary) -> list[Entry]:
    log: list[Entry] = []
    after: LogId | None = None
    while page := await conversations.read(diary.conversation, after):
        log += page
        after = page[-1].id
    return log


async def _judge_keys(client: Redis, diaries: Sequence[Diary]) -> AsyncIterator[Finding]:
    """Every key lives as long as its rule says, and nothing waits any more."""
    async for keys in _batches(client):
        async with client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
            for key, left in zip(keys, await pipeline.execute(), strict=True):
                rule = rule_of(key)
                limit = None if rule is None else rule.limit(RETENTION)
                lives = left == -1 if limit is None else 0 <= left <= limit.total_seconds() * 1000
                if rule is None or not lives:
                    yield Finding(Wrong.ALTERED, f"{key} has {left} ms left, its rule is {rule}")
    for shard in range(SHARDS):
        if waiting := await client.xlen(ready(shard)):
            yield Finding(Wrong.LOST, f"{waiting} conversations still wait in {ready(shard)}")
    for diary in diaries:
        named = ConversationKeys.of(diary.conversation)
        for name in (named.mail, named.said):
            if left := await client.llen(name):
                yield Finding(Wrong.LOST, f"{left} entries are left in {name}")


async def _batches(client: Redis) -> AsyncIterator[list[str]]:
    keys: list[str] = []
    async for key in client.scan_iter(count=2000):
        keys.append(key.decode())
        if len(keys) == 2000:
            yield keys
            keys = []
    if keys:
        yield keys


def _read_server_logs(report: Report, folder: Path) -> None:
    """Count what the fence refused and what was set aside, and sound an alarm for every other error."""
    for path in sorted(folder.glob("server-*.log")):
        for record in _RECORD.split(path.read_text(errors="replace")):
            first, *rest = record.strip().splitlines() or [""]
            report.fenced += "is dropped" in first
            if not first.startswith(("ERROR", "CRITICAL", "Fatal")):
                continue
            if "messages were set aside" in first:
                report.seen_aside += 1
            elif not (rest and rest[-1].startswith(f"{Tripped.__module__}.{Tripped.__name__}")):
                ours = [line.strip() for line in rest if "/bot/" in line]
                report.alarms[": ".join([first, *ours[-1:], *rest[-1:]])] += 1
