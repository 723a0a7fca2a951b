"""The `kefu` command, run as a newcomer runs it: in a process of its own, with good and bad settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def kefu(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
    environment |= {"KEFU_DATA": str(folder), "COLUMNS": "200"}
    environment |= {f"KEFU_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


def test_that_the_help_names_every_command(folder: Path) -> None:
    shown = kefu("--help", folder=folder).stdout
    assert all(
        name in shown for name in ("serve", "chat", "ask", "train", "index", "eval", "doctor", "export", "erase")
    )


def test_that_a_wrong_setting_is_one_clear_line(folder: Path) -> None:
    done = kefu("doctor", folder=folder, port="99999")
    assert done.returncode == 1
    assert "port = '99999' (KEFU_PORT)" in done.stderr
    assert "Traceback" not in done.stderr


def test_that_chat_without_a_server_says_how_to_start_one(folder: Path) -> None:
    done = kefu("chat", "--url", "http://127.0.0.1:9", folder=folder)
    assert done.returncode == 1
    assert "kefu serve" in done.stderr


def test_that_the_doctor_finds_what_is_missing(folder: Path) -> None:
    healthy = json.loads(kefu("doctor", "--json", folder=folder).stdout)
    assert [finding for finding in healthy if finding["state"] == "wrong"] == []
    assert any(finding["subject"] == "index" and finding["state"] == "note" for finding in healthy)
    ill = kefu(
        "doctor",
        folder=folder,
        writer_url="http://127.0.0.1:9/v1",
        knowledge="nowhere",
        redis_url="redis://127.0.0.1:9",
    )
    assert ill.returncode == 1
    assert all(words in ill.stdout for words in ("nowhere", "127.0.0.1:9/v1/models does not answer", "redis"))
    assert "Traceback" not in ill.stderr


def test_that_the_doctor_looks_at_the_edge_and_at_who_may_measure(folder: Path) -> None:
    told = kefu(
        "doctor",
        "--json",
        folder=folder,
        host="0.0.0.0",
        session_key="too short",
        log_text="true",
        otel_endpoint="http://127.0.0.1:9",
    )
    states = {finding["subject"]: finding["state"] for finding in json.loads(told.stdout)}
    assert told.returncode == 1
    assert states["sessions"] == "wrong"  # By the name of the look that failed.
    assert states["traces"] == "wrong"
    assert {states[subject] for subject in ("public_url", "origins", "log_text")} == {"note"}
    assert states["metrics"] == "ok"
    assert "too short" not in told.stdout


def test_that_the_doctor_says_who_can_be_signed_in(folder: Path) -> None:
    def told(**settings: str) -> dict[str, list[str]]:
        found = json.loads(kefu("doctor", "--json", folder=folder, **settings).stdout)
        return {finding["subject"]: [finding["state"], finding["detail"]] for finding in found}

    state, detail = told()["signed-in shoppers"]
    assert (state, "no shop_key" in detail) == ("note", True)
    assert told(shop_key="k" * 32)["signed-in shoppers"][0] == "ok"
    short = told(shop_key="short")
    assert "signed-in shoppers" not in short
    assert short["sessions"] == ["wrong", "shop_key (KEFU_SHOP_KEY): has to have 32 characters or more."]


def test_that_a_shopper_nobody_knows_can_be_exported_and_erased(folder: Path) -> None:
    exported = kefu("export", "nobody", folder=folder)
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["conversations"] == []
    assert "0 conversations" in kefu("erase", "nobody", "--yes", folder=folder).stderr
