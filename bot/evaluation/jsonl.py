"""Reads the files of public sets: one JSON object a line, gzipped or not."""

import gzip
import json
from pathlib import Path
from typing import Any

from bot.errors import SettingError


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file.

    Raises:
        SettingError: there is no such file.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError as exc:
        raise SettingError(f"{path}: no such file; `--data` names the folder of public sets.") from exc
