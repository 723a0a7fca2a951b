"""A real Rasa server for the suites that speak to one, trained on the small shop of `tests.recognizers`."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.errors import RasaUnavailable
from bot.models.encoder import Encoders, open_encoders
from bot.models.lanes import EncoderLane
from bot.settings import Settings
from bot.understanding.rasa_server.environment import PYTHON, ensure, find_python
from bot.understanding.rasa_server.model import Served, serving, train
from bot.understanding.rasa_server.project import plan_project
from bot.understanding.recognizer import INTENTS, HeadRecognizer
from bot.understanding.training import train_intents
from bot.understanding.training_data import read_training_data
from tests.recognizers import EXAMPLES, RASA_EXAMPLES, write_shop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shop with six intents in two languages, and heads that have learnt them."""
    settings = write_shop(tmp_path_factory.mktemp("shop") / "shop", EXAMPLES)
    train_intents(settings)
    return settings


@pytest.fixture(scope="session")
def small_encoders(small_shop: Settings) -> Encoders:
    return open_encoders(small_shop)


@pytest.fixture
async def embedded(small_shop: Settings, small_encoders: Encoders) -> AsyncIterator[HeadRecognizer]:
    lane = EncoderLane(small_encoders)
    yield HeadRecognizer.open(small_shop, lane, {"product": ["Tarn 2 Tent"]})
    await lane.close()


@pytest.fixture(scope="session")
def rasa_program() -> Path:
    """Rasa in `.venv-rasa`, which `make rasa` uses too; built once, in about a minute and a half."""
    try:
        find_python()
    except RasaUnavailable as exc:
        pytest.skip(f"The suites over a real Rasa need Python {PYTHON}. {exc}")
    return ensure(ROOT / ".venv-rasa")


@pytest.fixture(scope="session")
def rasa_model(rasa_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the small shop: Rasa's default pipeline as it is, and 57 examples instead of the demo's thousand.

    It is kept beside the exported encoders, and trained again only where the examples or the pipeline change.
    """
    shop = write_shop(tmp_path_factory.mktemp("rasa") / "shop", RASA_EXAMPLES)
    project = plan_project(read_training_data(shop.knowledge / INTENTS))
    return train(rasa_program, project, ROOT / ".kefu" / "rasa-tests").path


@pytest.fixture(scope="module")
def rasa_server(rasa_program: Path, rasa_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server of that model on a free loopback port."""
    log = tmp_path_factory.mktemp("rasa") / "rasa.log"
    with serving(rasa_program, rasa_model, free_port(), log) as served:
        yield served


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
