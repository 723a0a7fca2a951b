"""Every key is under exactly one rule, and in its conversation's shard."""

from dataclasses import fields
from datetime import timedelta

import pytest

from bot.conversations import keys
from bot.conversations.keys import RULES, ConversationKeys, Lifetime, rule_of
from bot.records import ConversationId, MessageId

AWKWARD = ["rest:anna", "rest:anna:mail", "rest:{s3}:ready", "rest:a\nb", "rest:安娜", "rest:c:mail:log"]


def names(conversation: str) -> list[str]:
    own = ConversationKeys.of(ConversationId(conversation))
    written = [getattr(own, field.name) for field in fields(own) if field.name not in ("id", "shard", "live")]
    return [*written, own.seen(MessageId("m:1")), own.shopper("anna")]


@pytest.mark.parametrize("conversation", AWKWARD)
def test_that_every_key_of_a_conversation_has_one_rule_and_one_shard(conversation: str) -> None:
    tag = keys.tag(keys.shard_of(ConversationId(conversation)))
    for name in names(conversation):
        assert sum(rule.pattern.fullmatch(name) is not None for rule in RULES) == 1, name
        assert name.startswith(f"{tag}:")
        assert name.index("{") == 0, "the first braces are the hash tag"


def test_that_no_two_conversations_share_a_key() -> None:
    shared = {keys.ready(shard) for shard in range(keys.SHARDS)} | {keys.outbox(shard) for shard in range(keys.SHARDS)}
    own = [name for conversation in AWKWARD for name in names(conversation) if name not in shared]
    own = [name for name in own if ":shopper:" not in name]
    assert len(own) == len(set(own))


def test_that_message_ids_cannot_reach_into_another_conversation() -> None:
    one = ConversationKeys.of(ConversationId("rest:a"))
    shard = one.shard
    other = next(
        ConversationKeys.of(ConversationId(f"rest:a:{n}"))
        for n in range(10_000)
        if keys.shard_of(ConversationId(f"rest:a:{n}")) == shard
    )
    rest = other.id.removeprefix("rest:a:")
    assert one.seen(MessageId(f"{rest}:m1")) != other.seen(MessageId("m1"))


@pytest.mark.parametrize("name", ["reply", "{s256x}:ready", "celery", "{s1}:live:rest:anna", "{s01}:ready"])
def test_that_other_names_have_no_rule(name: str) -> None:
    assert rule_of(name) is None


def test_that_nothing_of_a_shopper_outlives_the_retention() -> None:
    day = timedelta(days=1)
    for rule in RULES:
        limit = rule.limit(day)
        match rule.lifetime:
            case Lifetime.STANDING:
                assert limit is None
            case Lifetime.REPLY:
                assert limit == keys.REPLY, "a reply is impersonal"
            case _:
                assert limit == day


def test_that_shards_are_spread_evenly() -> None:
    counts = [0] * keys.SHARDS
    for n in range(25_600):
        counts[keys.shard_of(ConversationId(f"rest:shopper-{n}"))] += 1
    assert 60 < min(counts) <= max(counts) < 150
