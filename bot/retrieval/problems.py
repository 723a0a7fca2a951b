"""What is wrong in a knowledge file, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the knowledge that was left out, and why: reported, never silently dropped."""

    file: str
    """Below the knowledge folder."""
    line: int
    """Counted from 1; 0 where the whole file is meant."""
    message: str

    @classmethod
    def of_address(cls, file: str, line: int, column: str, address: str) -> "Problem":
        """An address that no shopper is shown."""
        told = f"`{column}` was left out: it must begin with https:// or http://, not {address[:80]!r}."
        return cls(file, line, told)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"
