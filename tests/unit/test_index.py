"""Building, swapping and opening an index, with an encoder that counts what it reads."""

import asyncio
import dataclasses
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from bot.errors import KnowledgeError
from bot.models.lanes import EncoderLane
from bot.records import Filter, State, Understanding
from bot.retrieval.build import build_index, current_version, index_folder, is_stale
from bot.retrieval.index import META, Index, read_index
from bot.retrieval.query import Question
from bot.retrieval.retriever import HybridRetriever
from bot.retrieval.search import search
from bot.settings import Settings
from tests.retrieval_shop import WordEncoder, shop_settings, word_encoders

RETURNS = "How long can I return something?"


def find(index: Index, text: str, products: tuple[str, ...] = ()) -> list[str]:
    encoder = WordEncoder()
    question = Question(text, "en", products=products)
    return [hit.passage.id for hit in search(index, question, encoder.encode([text])[0], encoder.name).hits]


def opened(settings: Settings) -> Index:
    folder = current_version(settings)
    assert folder is not None
    return read_index(folder)


def change_answer(settings: Settings) -> None:
    faq = settings.knowledge / "faq/general.yml"
    faq.write_text(faq.read_text().replace("30 days after", "60 days after"))


def test_that_an_index_holds_what_was_read_as_it_was_read(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    assert is_stale(settings)
    report = build_index(settings, word_encoders())
    assert not is_stale(settings)
    assert report.reused == 0
    assert report.encoded > report.passages
    index = opened(settings)
    assert len(index.passages) == report.passages
    first = next(passage for passage in index.passages if passage.id == "product:T-2#weight")
    assert (first.text, first.attributes["capacity"]) == ("The Tarn 2 Tent weighs 2,150 g.", "2 persons")
    assert index.passages[-1].locale == "en"
    assert find(index, RETURNS)[0] == "faq/general.yml#return-period"
    assert find(index, "weighs", ("T-2",))[0] == "product:T-2#weight"


def test_that_the_first_of_very_many_matches_come_back_with_their_overviews(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    rows = [f"M-{at},Mug {at},Mugs,{1000 - at}.00,EUR,{'teal' if at > 390 else 'grey'}" for at in range(400)]
    (settings.knowledge / "mugs.csv").write_text("\n".join(["sku,name,category,price,currency,colours", *rows]))
    build_index(settings, word_encoders())
    index, encoder = opened(settings), WordEncoder()
    mugs = Question("mugs", "en", filters=(Filter("category", "=", "Mugs"),))
    cheapest = dataclasses.replace(mugs, order=("price", False))
    teal = dataclasses.replace(mugs, text="something teal")
    for question, wanted in ((cheapest, {"M-399", "M-398"}), (teal, {f"M-{at}" for at in range(391, 400)})):
        found = search(index, question, encoder.encode([question.text])[0], encoder.name)
        assert len(found.products) == 400
        assert set(found.products[: len(wanted)]) == wanted
        assert {f"product:{sku}" for sku in found.products[:5]} <= {hit.passage.id for hit in found.hits}


def test_that_only_what_changed_is_encoded_again(tmp_path: Path) -> None:
    settings, encoder = shop_settings(tmp_path), WordEncoder()
    encoders = word_encoders(encoder)
    first = build_index(settings, encoders)
    encoder.texts.clear()
    change_answer(settings)
    assert is_stale(settings)
    second = build_index(settings, encoders)
    assert (second.encoded, second.version != first.version) == (1, True)
    assert second.reused == first.encoded + first.reused - 1
    # What is left of the calls is the calibration's questions of its own.
    assert "You have 60 days after delivery to return a product." in encoder.texts
    assert not [text for text in encoder.texts if "Tarn" in text]
    assert "60 days" in next(p.text for p in opened(settings).passages if p.id.endswith("#return-period"))


def test_that_building_again_without_a_change_makes_nothing(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    first = build_index(settings, word_encoders())
    again = build_index(settings, word_encoders())
    assert (again.version, again.encoded) == (first.version, 0)


def test_that_a_crash_in_the_middle_leaves_the_old_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = shop_settings(tmp_path)
    old = build_index(settings, word_encoders()).version
    change_answer(settings)
    broken = WordEncoder()
    broken.fails_after = 0
    with pytest.raises(MemoryError):
        build_index(settings, word_encoders(broken))
    assert opened(settings).version == old
    assert not list(index_folder(settings).glob(".building*"))

    replace = os.replace

    def power_cut(*_: object) -> None:
        raise OSError("no space left")

    def power_cut_at_the_folder(source: Path, target: Path) -> None:
        if source.is_dir():
            power_cut()
        replace(source, target)

    # At each step on disk: writing the files, giving the folder its name, moving the pointer.
    steps = {"write_index": power_cut, "os.replace": power_cut_at_the_folder, "_point": power_cut}
    for step, fails in steps.items():
        with monkeypatch.context() as broken_step:
            broken_step.setattr(f"bot.retrieval.build.{step}", fails)
            with pytest.raises(OSError, match="no space"):
                build_index(settings, word_encoders())
        assert opened(settings).version == old
        assert is_stale(settings)
    assert build_index(settings, word_encoders()).version == opened(settings).version != old


def test_that_a_folder_left_by_a_killed_builder_is_not_taken_for_a_version(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    (index_folder(settings) / ".building-x-1").mkdir(parents=True)
    assert current_version(settings) is None
    build_index(settings, word_encoders())
    assert find(opened(settings), RETURNS)


def test_that_old_versions_are_deleted_but_the_one_before_stays(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    versions = []
    for days in (30, 31, 32, 33):
        faq = settings.knowledge / "faq/general.yml"
        faq.write_text(faq.read_text().replace(f"{days} days", f"{days + 1} days"))
        versions.append(build_index(settings, word_encoders()).version)
    kept = {path.name for path in index_folder(settings).iterdir() if path.is_dir()}
    assert kept == set(versions[-2:])


def test_that_an_index_of_another_format_is_refused_and_built_anew(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    build_index(settings, word_encoders())
    folder = current_version(settings)
    assert folder is not None
    meta = folder / META
    meta.write_text(meta.read_text().replace('"format": ', '"format": 9'))
    with pytest.raises(KnowledgeError, match="kefu index"):
        read_index(folder)
    assert is_stale(settings)


def test_that_an_empty_shop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    settings = Settings(knowledge=tmp_path / "knowledge", data=tmp_path / "data")
    with pytest.raises(KnowledgeError, match="nothing here can be answered"):
        build_index(settings, word_encoders())
    with pytest.raises(KnowledgeError, match="no index yet"):
        HybridRetriever(settings, EncoderLane(word_encoders()))


async def test_that_a_new_version_is_taken_up_while_shoppers_search(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    old = build_index(settings, word_encoders()).version
    lane = EncoderLane(word_encoders())
    retriever = HybridRetriever(settings, lane)
    seen: dict[str, set[str]] = {}
    change_answer(settings)
    builder = threading.Thread(target=build_index, args=(settings, word_encoders()))
    builder.start()
    for _ in range(10_000):
        findings = await retriever.search(Understanding(RETURNS, "en", (), 1.0), State())
        seen.setdefault(findings.version, set()).add(findings.hits[0].passage.text)
        if len(seen) == 2 and not builder.is_alive():
            break
        await asyncio.sleep(0.002)
    builder.join()
    await lane.close()
    new = opened(settings).version
    # Each search saw one version whole.
    assert seen == {
        old: {"You have 30 days after delivery to return a product."},
        new: {"You have 60 days after delivery to return a product."},
    }


async def test_that_a_broken_new_version_is_not_taken_up(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path)
    old = build_index(settings, word_encoders()).version
    lane = EncoderLane(word_encoders())
    retriever = HybridRetriever(settings, lane)
    (index_folder(settings) / "bad").mkdir()
    (index_folder(settings) / "current").write_text("bad")
    for _ in range(5):
        findings = await retriever.search(Understanding(RETURNS, "en", (), 1.0), State())
        await asyncio.sleep(0.02)
    await lane.close()
    assert findings.version == retriever.version == old


async def test_that_understandings_own_vector_is_used_unless_the_text_changed(tmp_path: Path) -> None:
    settings, encoder = shop_settings(tmp_path), WordEncoder()
    build_index(settings, word_encoders())
    lane = EncoderLane(word_encoders(encoder))
    retriever = HybridRetriever(settings, lane)
    vector = WordEncoder().encode([RETURNS])[0]
    understood = Understanding(RETURNS, "en", (), 1.0, vector=vector, encoder="words")
    findings = await retriever.search(understood, State())
    assert encoder.texts == []
    assert findings.hits[0].question > 0.9
    follow_up = dataclasses.replace(understood, text="and to Germany?")
    assert (await retriever.search(follow_up, State(topic="shipping costs"))).query == "shipping costs and to Germany?"
    await retriever.search(dataclasses.replace(understood, encoder="another"), State())
    await lane.close()
    assert encoder.texts == ["shipping costs and to Germany?", RETURNS]


def test_that_a_graph_finds_what_the_exact_search_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = shop_settings(tmp_path)
    monkeypatch.setattr("bot.retrieval.assemble.EXACT", 10)
    build_index(settings, word_encoders())
    index = opened(settings)
    space = index.spaces["words"]
    assert space.graph is not None
    assert find(index, RETURNS)[0] == "faq/general.yml#return-period"
    exact = dataclasses.replace(space, graph=None)
    for text in (RETURNS, "shipping to Germany", "a bag for the winter"):
        query = space.centred(WordEncoder().encode([text])[0], "en")
        near = [np.sort(space.cosines(query, each.nearest(query, 5)[0])) for each in (space, exact)]
        # As near, though not always the same: in half precision some of them are alike.
        assert np.allclose(*near, atol=0.005)
