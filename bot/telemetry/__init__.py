"""What Kefu tells its operators: log lines, metrics and traces, which carry ids and never what was said."""

from bot.telemetry.logs import configure_logging
from bot.telemetry.stopwatch import Stopwatch, stage

__all__ = ["Stopwatch", "configure_logging", "stage"]
