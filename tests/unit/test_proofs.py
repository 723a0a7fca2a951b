"""Who writes, by what a message's metadata proves: whose orders may be told, and when nobody's."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest

from actions.scene import settle
from actions.shop.database import ShopError
from actions.shop.shop import Shop
from actions.tokens import Proof, compare_keys, prove, read_key
from bot.dialogue.domain import read_domain
from bot.dialogue.tracker import tracker
from bot.dialogue.vouching import proof_key, told
from bot.records import (
    Conversation,
    ConversationId,
    Floor,
    LogId,
    Message,
    MessageId,
    State,
    Understanding,
    Vouched,
)
from tests.shops import small_shop

DOMAIN = read_domain(Path(__file__).parents[1] / "smallshop")
KEY, OTHER = "a key of the shop's site, long enough", "the key of somebody else, long enough"
ENVIRON = {"KEFU_SHOP_KEY": KEY}
HERE = ConversationId("web:user-ada_1")
ADA, BOB = "ada_1", "bob_2"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = small_shop(f"sqlite:///{tmp_path / 'shop.db'}")
    yield shop
    shop.engine.dispose()


def vouched(user: str = ADA, email: str | None = None, key: str | None = KEY) -> dict[str, Any]:
    return {"vouched": dict(told(Vouched("shop", user, email), HERE, key))}


def signed(key: str | bytes = KEY, **claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 60} | claims, key, "HS256")


def who(shop: Shop, metadata: dict[str, Any], conversation: str = HERE) -> str | None:
    proof = prove(shop, metadata, conversation, ENVIRON)
    return proof.user.id if proof and proof.user else None


def test_that_kefus_word_names_the_user_by_id_and_else_by_address(shop: Shop) -> None:
    assert who(shop, vouched(ADA)) == ADA
    assert who(shop, vouched("4711", "Ada@mail.example")) == ADA
    assert who(shop, vouched(ADA, "bob@mail.example")) == ADA, "the id goes first"
    assert who(shop, vouched("4711")) is None
    assert prove(shop, vouched("4711"), HERE, ENVIRON) == Proof("4711", None)
    assert prove(shop, {"vouched": told(Vouched("program"), HERE, KEY)}, HERE, ENVIRON) == Proof(None, None)


def test_that_a_token_of_the_shop_does_the_same(shop: Shop) -> None:
    for claims in ({"sub": ADA}, {"email": "ada@mail.example"}, {"sub": "4711", "email": "ada@mail.example"}):
        assert who(shop, {"identity": signed(**claims)}) == ADA
    assert who(shop, vouched(BOB) | {"identity": signed(sub=ADA)}) == BOB, "the channel's word goes first"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"vouched": {"by": "shop", "user": ADA}}, id="without a proof"),
        pytest.param({"vouched": ADA}, id="a name"),
        pytest.param({"vouched": {"by": "shop", "user": ADA, "proof": signed(sub=ADA)}}, id="a token of the shop"),
        pytest.param(vouched(ADA, key=OTHER), id="another key"),
        pytest.param(vouched(ADA, key=None), id="no key"),
        pytest.param({"vouched": {"proof": signed(proof_key(KEY), user=ADA, conversation=HERE)}}, id="for nobody"),
        pytest.param(
            {
                "vouched": {
                    "proof": signed(
                        proof_key(KEY), user=ADA, conversation=HERE, iss="kefu", aud="kefu-actions",
                        exp=time.time() - 120,
                    )
                }
            },
            id="too old",
        ),
        pytest.param({"identity": signed(OTHER, sub=ADA)}, id="a token with another key"),
        pytest.param({"identity": signed(sub=ADA, exp=time.time() - 1)}, id="a token that ended"),
        pytest.param({"identity": jwt.encode({"sub": ADA}, KEY, "HS256")}, id="a token without end"),
        pytest.param({"identity": jwt.encode({"sub": ADA, "exp": time.time() + 60}, None, "none")}, id="alg none"),
        pytest.param({"identity": vouched(ADA)["vouched"]["proof"]}, id="a proof as a token"),
        pytest.param({"identity": [ADA]}, id="no text"),
        pytest.param({"identity": "a.b.c"}, id="nonsense"),
        pytest.param({}, id="nothing"),
    ],
)  # fmt: skip
def test_that_what_proves_nothing_names_nobody(shop: Shop, forged: dict[str, Any]) -> None:
    assert prove(shop, forged, HERE, ENVIRON) is None


def test_that_a_proof_is_good_in_its_own_conversation_and_with_a_key_alone(shop: Shop) -> None:
    assert prove(shop, vouched(ADA), "web:user-bob_2", ENVIRON) is None
    assert prove(shop, vouched(ADA) | {"identity": signed(sub=ADA)}, HERE, {}) is None
    assert prove(shop, vouched(ADA), HERE, {"KEFU_SHOP_KEY": ""}) is None


def test_that_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ShopError, match=r"KEFU_SHOP_KEY: has to have 32 characters or more, not 5\."):
        read_key({"KEFU_SHOP_KEY": "short"})
    assert read_key({"KEFU_SHOP_KEY": "k" * 32}) == "k" * 32
    assert read_key({}) is None


@pytest.mark.parametrize(
    ("metadata", "environ", "match"),
    [
        (vouched, ENVIRON, "same"),
        (partial(vouched, key=OTHER), ENVIRON, "other"),
        (dict, ENVIRON, "unasked"),
        (partial(vouched, key=None), ENVIRON, "unasked"),
        (vouched, {}, "missing"),
        (dict, {}, "missing"),
    ],
)
def test_that_keys_are_compared(metadata: Callable[[], dict[str, Any]], environ: dict[str, str], match: str) -> None:
    assert compare_keys(metadata(), HERE, environ) == match  # Made here: a proof holds for a minute only.


# ── Who is known over several messages ────────────────────────────────────────────────────────────

BEGUN = {"order": "#W1000001", "reason": "no longer needed", "confirmed": True, "offer": "…", "wish": "cancel it"}
EMPTY = dict.fromkeys(("shopper", "vouched", "identify_failed", "identify_tries", "identity_hint", *BEGUN))


def known(shopper: str | None, by: str | None = None, **more: Any) -> dict[str, Any]:
    return EMPTY | {"shopper": shopper, "vouched": by} | more


def proof_of(shop: Shop, user: str) -> Proof:
    return Proof(user, shop.user(user))


def test_that_who_is_vouched_for_is_known_without_a_question(shop: Shop) -> None:
    slots = known(None, identify_failed=True, identify_tries=2, identity_hint="Ada", order="#W1000001")
    assert not settle(slots, proof_of(shop, ADA))
    assert slots == known(ADA, ADA, order="#W1000001")
    assert not settle(slots | BEGUN, proof_of(shop, ADA)), "and goes on with what they began"


@pytest.mark.parametrize("by", [None, ADA])
def test_that_whoever_was_known_gives_way_to_who_is_vouched_for(shop: Shop, by: str | None) -> None:
    slots = known(ADA, by, **BEGUN)
    assert settle(slots, proof_of(shop, BOB))
    assert slots == known(BOB, BOB)


def test_that_signing_in_in_the_middle_keeps_what_the_same_shopper_began(shop: Shop) -> None:
    slots = known(ADA, None, **BEGUN)
    assert not settle(slots, proof_of(shop, ADA))
    assert slots == known(ADA, ADA, **BEGUN)


def test_that_nobody_is_known_any_more_once_their_proofs_end(shop: Shop) -> None:
    slots = known(ADA, ADA, **BEGUN)
    assert settle(slots, None)
    assert slots == EMPTY


def test_that_who_was_known_by_their_words_gives_way_to_a_proof_of_somebody_the_shop_does_not_have(shop: Shop) -> None:
    slots = known(ADA, None, **BEGUN)
    assert settle(slots, Proof("4711", None))
    assert slots == known(None, "4711")
    # Asked who they are, they tell; from then on they are known as long as the same proof comes.
    slots["shopper"] = BOB
    assert not settle(slots, Proof("4711", None))
    assert slots["shopper"] == BOB
    assert settle(slots, Proof("4712", None))
    assert slots == known(None, "4712")


def test_that_words_alone_are_remembered_as_long_as_nobody_proves_anything() -> None:
    slots = known(ADA, None, **BEGUN)
    assert not settle(slots, None)
    assert slots == known(ADA, None, **BEGUN)


def test_that_a_program_changes_nobody(shop: Shop) -> None:
    for before in (known(ADA, ADA, **BEGUN), known(ADA, None, **BEGUN), known(None)):
        slots = dict(before)
        assert not settle(slots, Proof(None, None))
        assert slots == before


def test_that_what_the_other_ones_own_message_says_stays() -> None:
    slots = known(ADA, ADA, order_number="LF-1", email="bob@mail.example")
    assert settle(slots, None, [{"entity": "email", "value": "bob@mail.example"}])
    assert slots == EMPTY | {"order_number": None, "email": "bob@mail.example"}


def test_that_a_token_counts_for_a_burst_only_where_all_of_it_came_with_it() -> None:
    def sent(*tokens: str | None) -> object:
        mail = tuple(
            Message(
                *(MessageId(str(n)), ConversationId("rest:1"), "rest", "1", "hi", datetime.now(UTC)),
                metadata={"identity": token} if token else {"page": "/cart"},
                log_id=LogId("1-0"),
            )
            for n, token in enumerate(tokens)
        )
        conversation = Conversation(ConversationId("rest:1"), 0, 0, Floor.ASSISTANT, State(), mail)
        told = tracker("action_x", conversation, Understanding("hi", "en", (), 1.0), DOMAIN, {}, 0)
        return told["latest_message"]["metadata"].get("identity")

    assert sent("a.b.c", "a.b.c") == "a.b.c"
    assert sent(None, "a.b.c") is None
    assert sent("a.b.c", None) is None
    assert sent("d.e.f", "a.b.c") is None
