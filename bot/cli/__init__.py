"""The `kefu` command."""

from bot.cli.kefu import main, prepare

__all__ = ["main", "prepare"]
