"""Every setting: `kefu.toml`, overridden by `KEFU_…` in the environment, checked once at start."""

import os
from collections.abc import Collection, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.errors import SettingError


def _seconds(value: object) -> object:
    """A number in the environment is text; pydantic takes numbers as seconds, and text as ISO 8601 only."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _listed(value: object) -> object:
    """A list in the environment is text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _web(value: str) -> str:
    """An address of a server that is asked over HTTP."""
    found = urlsplit(value)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("has to be an address as http://host:8000/path")
    return value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Address = Annotated[str, AfterValidator(_web)]


class Settings(BaseSettings):
    """What a shop can set. Durations are seconds, or ISO 8601 (`P90D`); lists have commas."""

    model_config = SettingsConfigDict(
        env_prefix="KEFU_", extra="forbid", frozen=True, toml_file="kefu.toml", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(5005, ge=0, le=65535, description="Port to listen on; 0 takes a free one. 5005 is Rasa's.")
    public_url: str | None = Field(
        None, description="Address that browsers see (`https://chat.shop.example`); unset, loopback at `port`."
    )
    origins: Listed = Field(
        (), description="Origins of the pages that carry the widget (`https://shop.example`), exactly; its own always."
    )
    link_hosts: Listed = Field((), description="Hosts that replies may link to, besides those in the knowledge.")
    image_hosts: Listed = Field((), description="Hosts that pictures may come from, besides Kefu's own.")
    trusted_proxies: Listed = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Networks whose `X-Forwarded-For` is believed; without it, no limit by address.",
    )
    session_key: SecretStr | None = Field(
        None, description="Signs shoppers' sessions, 32 characters or more; unset, one is made and kept in `data`."
    )
    session_lifetime: Duration = Field(
        timedelta(minutes=15), ge=timedelta(seconds=5), description="How long a session's token is good; it is renewed."
    )
    resume_lifetime: Duration = Field(
        timedelta(days=30), ge=timedelta(minutes=1), description="How long a browser may come back to its conversation."
    )
    shop_key: SecretStr | None = Field(
        None, description="The shop signs tokens for signed-in shoppers with it, 32 characters or more."
    )
    knowledge: Path = Field(Path("knowledge"), description="Folder of FAQ, policies, products, intents and domain.")
    data: Path = Field(Path(".kefu"), description="Folder for what Kefu makes: Redis files, index, trained heads.")
    redis_url: str | None = Field(
        None, description="`redis://`, `rediss://` or `unix://` of a durable Redis 7+; unset, Kefu starts its own."
    )
    retention: Duration = Field(timedelta(days=90), gt=timedelta(0), description="How long conversations are kept.")
    turns: int = Field(32, ge=1, le=1024, description="Turns that one server process makes at the same time.")
    lease: Duration = Field(
        timedelta(seconds=10), ge=timedelta(seconds=1), description="After this long a dead server's turns are taken."
    )
    burst_quiet: Duration = Field(
        timedelta(milliseconds=700),
        ge=timedelta(0),
        description="How long an unfinished thought waits for the shopper's next message.",
    )
    stop_timeout: Duration = Field(
        timedelta(seconds=7),
        ge=timedelta(0),
        description="Grace for turns under way when the server is told to stop; all of it takes 3 s more at most.",
    )
    reply_timeout: Duration = Field(
        timedelta(seconds=60), gt=timedelta(0), description="How long a REST request waits for its turn."
    )
    shopper_rate: int = Field(30, ge=1, description="Messages that one shopper may send in a minute.")
    shopper_budget: int = Field(500, ge=1, description="Messages that one shopper may send in a day.")
    address_rate: int = Field(300, ge=1, description="Messages that one address may send in a minute.")
    address_budget: int = Field(20_000, ge=1, description="Messages that one address may send in a day.")
    address_sockets: int = Field(
        1_000, ge=1, description="Widget sockets that one address holds in one server process."
    )
    max_sockets: int = Field(50_000, ge=1, description="Widget sockets that one server process holds.")
    max_requests: int = Field(2_000, ge=1, description="REST requests that wait for their turn in one server process.")
    backlog_limit: Duration = Field(
        timedelta(seconds=30),
        gt=timedelta(0),
        description="When the oldest waiting message is older than this, new ones are refused with 503.",
    )
    upload_bytes: int = Field(5 * 1024 * 1024, ge=1, description="Largest file or picture that a shopper may send.")
    max_characters: int = Field(4000, ge=1, description="Longest message that is read.")
    encoder: str = Field("packaged", description="`packaged`, or a sentence-transformers model by hub name or folder.")
    encoder_threads: int = Field(1, ge=1, description="Threads of one encoder call.")
    recognizer: Literal["embedded", "rasa"] = Field(
        "embedded", description="What reads intents and entities: `embedded`, or `rasa`, the server at `rasa_url`."
    )
    rasa_url: Address | None = Field(None, description="Rasa server (`http://host:5006`) that the recognizer asks.")
    rasa_auth_token: SecretStr | None = Field(None, description="What that Rasa server was given as `--auth-token`.")
    rasa_timeout: Duration = Field(
        timedelta(seconds=2),
        gt=timedelta(0),
        description="For one reading by Rasa; then the embedded one reads.",
    )
    writer: str = Field("packaged", description="`packaged`, `none`, or a causal model by hub name or folder.")
    writer_adapter: str = Field(
        "packaged",
        description="LoRA adapter: `packaged` (of the packaged writer), `none`, or a folder of `kefu train writer`.",
    )
    writer_runtime: Literal["auto", "openvino", "transformers"] = Field(
        "auto", description="What runs the writer here; `auto` is OpenVINO where it knows model and processor."
    )
    writer_url: Address | None = Field(
        None, description="OpenAI-compatible endpoint (`http://host:8000/v1`), as vLLM's."
    )
    writer_model: str | None = Field(None, description="Model name to ask the endpoint for; unset, its first.")
    writer_key: SecretStr | None = Field(None, description="API key for the endpoint.")
    writer_timeout: Duration = Field(
        timedelta(seconds=2.5),
        gt=timedelta(0),
        description="Without a sentence that passes the check after this long, the next rung answers.",
    )
    writer_batch: int = Field(8, ge=1, le=256, description="Shoppers who share one decoding step.")
    writer_threads: int = Field(2, ge=1, description="Threads of the writer.")
    actions_url: Address | None = Field(
        None, description="Rasa action server's `/webhook`; unset, Kefu starts the one in `actions/`."
    )
    action_timeout: Duration = Field(timedelta(seconds=8), gt=timedelta(0), description="For one action call.")
    shop_url: str | None = Field(
        None, description="The shop's database, SQLite or PostgreSQL; unset, `shop.db` in `data`."
    )
    shop_demo: bool = Field(True, description="Fill a database without users with the demo shop, once.")
    shop_return_days: int = Field(
        30, ge=0, description="Days after delivery within which an order may be returned or exchanged."
    )
    shop_currency: str = Field("EUR", min_length=1, description="What the shop's amounts are in.")
    socketio_jwt_key: SecretStr | None = Field(
        None,
        description="Key of the JWTs that Socket.IO clients bring, as Rasa's `jwt_key`; unset, none is needed.",
    )
    socketio_jwt_method: Literal["HS256", "HS384", "HS512"] = Field(
        "HS256", description="How these tokens are signed, as Rasa's `jwt_method`."
    )
    socketio_metadata_key: str = Field(
        "metadata", min_length=1, description="Where Socket.IO messages carry metadata; `customData` is read too."
    )
    callback_url: Address | None = Field(
        None, description="Where replies to `/webhooks/callback/webhook` are posted, as Rasa's `url`; unset, it is off."
    )
    callback_token: SecretStr | None = Field(
        None, description="Sent along to `callback_url` as `?token=`, as Rasa's endpoints do."
    )
    rasa_token: SecretStr | None = Field(
        None, description="Turns Rasa's HTTP API on for who sends it as `?token=`; 16 characters or more."
    )
    rasa_jwt_secret: SecretStr | None = Field(
        None, description="Turns Rasa's HTTP API on for who brings a JWT signed with it, as Rasa's `--jwt-secret`."
    )
    rasa_jwt_method: Literal["HS256", "HS384", "HS512"] = Field(
        "HS256", description="How these tokens are signed, as Rasa's `--jwt-method`."
    )
    desk_hours: str = Field(
        "Mon-Fri 09:00-18:00, Sat 10:00-16:00", description="When people are at the desk; `always` and `never` too."
    )
    desk_timezone: str = Field("Europe/Amsterdam", description="Time zone of `desk_hours`.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line.")
    log_text: bool = Field(False, description="Write what is said into the log lines too; for a test machine only.")
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that `/metrics` asks for; unset, only `trusted_proxies` may read it."
    )
    otel_endpoint: Address | None = Field(
        None, description="OTLP/HTTP collector (`http://host:4318`) that gets a trace of every turn."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The caller first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def of_the_actions(settings: Settings) -> Mapping[str, str]:
    """The environment of the action server that Kefu starts, as far as settings make it: what is not set is not there.

    It reads no `kefu.toml`, and may run where no bot is installed.
    """
    told = {
        "KEFU_SHOP_URL": settings.shop_url,
        "KEFU_SHOP_DEMO": str(settings.shop_demo).lower(),
        "KEFU_SHOP_RETURN_DAYS": str(settings.shop_return_days),
        "KEFU_SHOP_CURRENCY": settings.shop_currency,
        "KEFU_SHOP_KEY": settings.shop_key.get_secret_value() if settings.shop_key else None,
    }
    others = {name: value for name, value in os.environ.items() if name not in told}
    return others | {name: value for name, value in told.items() if value is not None}


def read_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and check all settings.

    Raises:
        SettingError: names each wrong setting, its value and what is allowed.
    """
    ours = {f"KEFU_{name.upper()}" for name in Settings.model_fields}
    if unknown := sorted(name for name in os.environ if name.startswith("KEFU_") and name not in ours):
        raise SettingError("\n".join(_unknown(name, ours) for name in unknown))
    try:
        return Settings(**(overrides or {}))
    except ValidationError as exc:
        raise SettingError("\n".join(_explain(error) for error in exc.errors())) from exc


def _unknown(name: str, ours: Collection[str]) -> str:
    """That there is no such setting, and which there are: those that it may have meant come first."""
    nearest = get_close_matches(name, ours, n=3, cutoff=0.75)
    listed = [*nearest, *sorted(set(ours) - set(nearest))]
    meant = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"{name}: no such setting.{meant} Settings are: {', '.join(listed)}."


def _explain(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(name, Settings.model_fields)
    return f"{name} = {error['input']!r} (KEFU_{name.upper()}): {error['msg']}."
