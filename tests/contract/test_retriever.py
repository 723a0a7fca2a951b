"""The demo shop, searched with the real encoders as shoppers search it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.generation.listing import list_products
from bot.models.encoder import Encoders, open_encoders
from bot.models.lanes import EncoderLane
from bot.records import Findings, Kind, State, Understanding
from bot.retrieval.build import build_index
from bot.retrieval.retriever import HybridRetriever
from bot.settings import Settings

DEMO = Path(__file__).parents[2] / "knowledge"


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return open_encoders(Settings())


@pytest.fixture(scope="module")
def shop(encoders: Encoders, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo shop without the pages that no test here asks for: encoding them twice takes a minute."""
    folder = tmp_path_factory.mktemp("shop")
    knowledge = folder / "knowledge"
    shutil.copytree(DEMO, knowledge, ignore=shutil.ignore_patterns("warranty.md", "privacy.md", "payment.md"))
    lines = (knowledge / "products.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.startswith(("sku", "LFT", "LFS", "LFJ", "LFB-CORR"))]
    (knowledge / "products.csv").write_text("".join(kept), encoding="utf-8")
    settings = Settings(knowledge=knowledge, data=folder / "data")
    report = build_index(settings, encoders)
    assert report.problems == ()
    return settings


@pytest.fixture
async def retriever(shop: Settings, encoders: Encoders) -> AsyncIterator[HybridRetriever]:
    lane = EncoderLane(encoders)
    yield HybridRetriever(shop, lane)
    await lane.close()


async def ask(retriever: HybridRetriever, text: str, language: str = "en", state: State | None = None) -> Findings:
    return await retriever.search(Understanding(text, language, (), 1.0), state or State())


def after(findings: Findings) -> State:
    """What a conversation remembers of an answer."""
    return State(focus=findings.products[:3], filters=findings.filters, topic=findings.query)


async def test_that_tents_under_300_euro_are_exactly_those(retriever: HybridRetriever) -> None:
    findings = await ask(retriever, "which tents are under 300 euro")
    assert set(findings.products) == {"LFT-TARN1", "LFT-TARN2"}
    assert {filter_.attribute for filter_ in findings.filters} == {"category", "price"}
    assert findings.answerable > 0.9
    assert {"product:LFT-TARN1", "product:LFT-TARN2"} <= {hit.passage.id for hit in findings.hits}


async def test_that_where_nothing_matches_the_nearest_is_found_but_matches_no_more_than_before(
    retriever: HybridRetriever,
) -> None:
    findings = await ask(retriever, "a tent under 20 euros")
    assert findings.products == ()
    assert {hit.passage.attributes["sku"] for hit in findings.hits if hit.passage.kind is Kind.PRODUCT} == {"LFT-TARN1"}
    told = list_products(findings)
    assert "Nothing in the shop matches" in told.text
    assert "Tarn 1 Tent: 219.95 EUR" in told.text


async def test_that_a_follow_up_narrows_the_search_before_it(retriever: HybridRetriever) -> None:
    first = await ask(retriever, "which tents are under 400 euro")
    second = await ask(retriever, "and in rust orange?", state=after(first))
    assert set(second.products) == {"LFT-TARN3"}
    third = await ask(retriever, "how heavy is it?", state=after(second))
    assert third.products == ("LFT-TARN3",)
    assert third.hits[0].passage.text == "The Tarn 3 Tent weighs 2,780 g."
    none = await ask(retriever, "and in red?", state=after(first))
    assert (none.products, len(none.filters)) == ((), 3)


async def test_that_a_question_that_came_before_still_takes_what_its_own_talk_adds(retriever: HybridRetriever) -> None:
    """Findings are kept for all who ask the same, and "and in rust orange?" is not the same after another search."""
    tents = after(await ask(retriever, "which tents are under 400 euro"))
    bags = after(await ask(retriever, "which sleeping bags do you have"))
    assert set((await ask(retriever, "and in rust orange?", state=tents)).products) == {"LFT-TARN3"}
    assert set((await ask(retriever, "and in rust orange?", state=bags)).products).isdisjoint({"LFT-TARN3"})
    assert set((await ask(retriever, "and in rust orange?", state=tents)).products) == {"LFT-TARN3"}


@pytest.mark.parametrize("text", ["LFT-TARN2L", "lft tarn2l", "Tarn 2 Light", "tran 2 light tent"])
async def test_that_a_product_is_found_by_sku_and_name(retriever: HybridRetriever, text: str) -> None:
    findings = await ask(retriever, text)
    assert findings.products[0] == "LFT-TARN2L"
    assert findings.hits[0].passage.attributes["sku"] == "LFT-TARN2L"


async def test_that_a_fact_of_a_named_product_comes_first(retriever: HybridRetriever) -> None:
    findings = await ask(retriever, "what temperature is the Bracken 600 comfortable at")
    assert findings.products == ("LFS-BRAC600",)
    assert findings.hits[0].passage.id == "product:LFS-BRAC600#comfort-temperature"
    assert all(hit.passage.attributes.get("sku", "LFS-BRAC600") == "LFS-BRAC600" for hit in findings.hits)


async def test_that_the_shops_own_question_is_known_and_other_details_are_not(retriever: HybridRetriever) -> None:
    same = await ask(retriever, "how long does delivery take")
    assert same.hits[0].passage.id == "faq/shipping.yml#delivery-time"
    assert same.hits[0].question > 0.95
    other = await ask(retriever, "does delivery to the moon take 400 days")
    assert other.hits[0].question < 0.5


async def test_that_a_chinese_question_finds_the_chinese_answer(retriever: HybridRetriever) -> None:
    findings = await ask(retriever, "寄到柏林的邮费是多少", "zh")
    assert findings.hits[0].passage.id == "faq/zh.yml#shipping-cost-zh"
    assert findings.hits[0].question > 0.8


async def test_that_a_chinese_question_finds_an_english_answer_where_there_is_no_other(
    retriever: HybridRetriever,
) -> None:
    findings = await ask(retriever, "我在读大学，能便宜点吗", "zh")
    assert "faq/payment.yml#student-discount" in {hit.passage.id for hit in findings.hits[:3]} or (
        "faq/account-and-club.yml#student-discount" in {hit.passage.id for hit in findings.hits[:3]}
    )


async def test_that_a_chinese_shopper_finds_products(retriever: HybridRetriever) -> None:
    listed = await ask(retriever, "有没有50升以上的女款背包", "zh")
    assert listed.products == ("LFB-CORR55W",)
    named = await ask(retriever, "Bracken 600 到零下几度睡着还舒服", "zh")
    assert named.products == ("LFS-BRAC600",)
    assert "product:LFS-BRAC600#comfort-temperature" in {hit.passage.id for hit in named.hits[:4]}


@pytest.mark.parametrize(
    ("text", "language"),
    [("Who won the match last night?", "en"), ("write me a poem about autumn", "en"), ("帮我写一首关于秋天的诗", "zh")],
)
async def test_that_nothing_here_answers_what_no_shop_knows(
    retriever: HybridRetriever, text: str, language: str
) -> None:
    findings = await ask(retriever, text, language)
    assert findings.answerable < 0.3
    assert max(hit.question for hit in findings.hits) < 0.3


async def test_that_a_language_without_knowledge_is_answered_from_the_rest(retriever: HybridRetriever) -> None:
    findings = await ask(retriever, "Wie lange dauert die Lieferung?", "de")
    assert findings.hits
    assert all(hit.passage.kind in set(Kind) for hit in findings.hits)
    japanese = await ask(retriever, "送料はいくらですか", "ja")
    assert japanese.hits
