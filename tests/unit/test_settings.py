"""Settings: a wrong one is refused with its name, its value and what is allowed."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import SettingError
from bot.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_that_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kefu.toml").write_text('port = 6000\nwriter = "none"\n')
    monkeypatch.setenv("KEFU_PORT", "7000")
    settings = read_settings()
    assert (settings.port, settings.writer) == (7000, "none")


def test_that_durations_are_seconds_or_iso(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_RETENTION", "P30D")
    monkeypatch.setenv("KEFU_WRITER_TIMEOUT", "1.5")
    settings = read_settings()
    assert (settings.retention, settings.writer_timeout) == (timedelta(days=30), timedelta(seconds=1.5))


def test_that_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_WRITER_URL", "")
    assert read_settings().writer_url is None


def test_that_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_PORT", "99999")
    with pytest.raises(SettingError, match=r"port = '99999' \(KEFU_PORT\): .*less than or equal to 65535"):
        read_settings()


@pytest.mark.parametrize("name", ["otel_endpoint", "writer_url", "actions_url"])
@pytest.mark.parametrize("value", ["nonsense", "localhost:4318", "ftp://collector", "http://"])
def test_that_an_address_that_nobody_can_ask_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} = '{value}' \(KEFU_{name.upper()}\): .*http://"):
        read_settings({name: value})


def test_that_a_misspelt_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kefu.toml").write_text("prot = 6000\n")
    with pytest.raises(SettingError, match="prot: no such setting"):
        read_settings()
    (tmp_path / "kefu.toml").unlink()
    monkeypatch.setenv("KEFU_PROT", "6000")
    with pytest.raises(SettingError, match="KEFU_PROT: no such setting"):
        read_settings()


def test_that_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_that_the_table_of_settings_is_complete_and_current() -> None:
    table = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in table.splitlines() if line.startswith("| `")}
    assert list(rows) == list(Settings.model_fields)
    assert all(field.description in rows[name] for name, field in Settings.model_fields.items() if field.description)
