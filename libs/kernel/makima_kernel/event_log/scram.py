"""Makes what Postgres stores of a password (SCRAM-SHA-256, RFC 5803), so that the password itself is in no statement
that a server may write into its log.
"""

import base64
import hashlib
import hmac
import os
from typing import Final

ITERATIONS: Final = 4096  # Postgres' own default
SALT_BYTES: Final = 16


def verifier(password: str, salt: bytes | None = None) -> str:
    """The text that `ALTER ROLE … PASSWORD` takes in place of the password; `salt` None: a random one.

    Raises `ValueError` for a password with letters outside ASCII, which clients would normalise in their own ways.
    """
    if not password.isascii():
        raise ValueError("a password must be ASCII")
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    parts = (_text(salt), _text(stored), _text(_keyed(salted, b"Server Key")))
    return f"SCRAM-SHA-256${ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
