"""Makes random tokens and passwords, and the hash of one that may be stored."""

import hashlib
import secrets
from typing import Final

PREFIX: Final = "mk_"
TOKEN_BYTES: Final = 32  # random bytes per secret


def new_secret() -> str:
    """`mk_` and 256 random bits in base64url.

    Needs no escaping in a URL, an HTTP header or a WebSocket subprotocol.
    """
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(secret: str) -> bytes:
    """SHA-256 of the secret, 32 bytes.

    256 random bits cannot be guessed, so no slow or salted hash is needed;
    and an unsalted hash can be a lookup key.
    """
    return hashlib.sha256(secret.encode(errors="replace")).digest()
