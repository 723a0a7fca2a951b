"""Settings: a wrong one is refused with its name, its value and what is allowed."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import SettingError
from bot.settings import Settings, of_the_actions, read_settings


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


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("KEFU_SHOP_KY", "KEFU_SHOP_KEY"), ("KEFU_SHOP_URI", "KEFU_SHOP_URL"), ("KEFU_REDISURL", "KEFU_REDIS_URL")],
)
def test_that_the_nearest_setting_stands_first(misspelt: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(misspelt, "x")
    with pytest.raises(SettingError) as refused:
        read_settings()
    told = str(refused.value)
    assert told.startswith(f"{misspelt}: no such setting. Did you mean {meant}? Settings are: {meant}, ")
    listed = told.partition("Settings are: ")[2].rstrip(".").split(", ")
    assert sorted(listed) == sorted(f"KEFU_{name.upper()}" for name in Settings.model_fields), "each once, and ours"


def test_that_each_unknown_setting_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kefu.toml").write_text('shop_ky = "x"\n')
    with pytest.raises(SettingError, match=r"shop_ky: no such setting\. Did you mean shop_key\?"):
        read_settings()
    for name in ("KEFU_PROT", "KEFU_XYZZY"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(SettingError, match=r"KEFU_PROT: .*KEFU_PORT.*\nKEFU_XYZZY: no such setting\. Settings are:"):
        read_settings()


def test_that_the_action_server_gets_what_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEFU_SHOP_URL", raising=False)
    (tmp_path / "kefu.toml").write_text(
        f'shop_key = "{"k" * 32}"\nshop_demo = false\nshop_return_days = 14\nshop_currency = "USD"\n'
    )
    monkeypatch.setenv("KEFU_SHOP_CURRENCY", "GBP")
    monkeypatch.setenv("ELSEWHERE", "as it is")
    told = of_the_actions(read_settings())
    assert {name: value for name, value in told.items() if name.startswith("KEFU_SHOP")} == {
        "KEFU_SHOP_KEY": "k" * 32,
        "KEFU_SHOP_DEMO": "false",
        "KEFU_SHOP_RETURN_DAYS": "14",
        "KEFU_SHOP_CURRENCY": "GBP",
    }
    assert told["ELSEWHERE"] == "as it is"
    monkeypatch.setenv("KEFU_SHOP_URL", "sqlite:///of-somebody-else.db")
    own = read_settings().model_copy(update={"shop_url": None})
    assert "KEFU_SHOP_URL" not in of_the_actions(own), "what is not set is not inherited either"


def test_that_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_that_the_table_of_settings_is_complete_and_current() -> None:
    table = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in table.splitlines() if line.startswith("| `")}
    assert list(rows) == list(Settings.model_fields)
    assert all(field.description in rows[name] for name, field in Settings.model_fields.items() if field.description)
