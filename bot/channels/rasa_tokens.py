"""Tokens that a Rasa deployment gives its clients: JWTs that its own site signs, and Kefu only checks."""

from dataclasses import dataclass
from typing import Any

import jwt
from pydantic import SecretStr

from bot.errors import NotAllowed, SettingError

_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""As long as what the method makes of it (RFC 7518, 3.2); a shorter one can be guessed from a single token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One key and the one method that is believed, whatever a token's head says (RFC 8725, 3.1)."""

    key: str
    method: str

    @classmethod
    def read(cls, setting: str, key: SecretStr | None, method: str) -> "Tokens | None":
        """The key of a setting, checked; None where it is not set.

        Raises:
            SettingError: names the setting, and what is allowed.
        """
        if key is None:
            return None
        secret, needed = key.get_secret_value(), _KEY_BYTES[method]
        if len(secret.encode()) < needed:
            raise SettingError(f"{setting} (KEFU_{setting.upper()}): {method} needs a key of {needed} bytes or more.")
        return cls(secret, method)

    def read_token(self, token: str) -> dict[str, Any]:
        """The claims of ``token``, bare or behind ``Bearer``.

        Raises:
            NotAllowed: it is missing, forged, of another method, or too old.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token.removeprefix("Bearer ").strip(),
                self.key,
                algorithms=[self.method],
                options={"verify_aud": False, "verify_sub": False},  # Rasa asks for neither.
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
            # Not which check failed: a forger would learn from it.
            raise NotAllowed("The token is not valid.") from exc
        return claims
