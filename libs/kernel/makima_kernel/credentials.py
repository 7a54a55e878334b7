"""Tokens and passwords as text: how they are made, and what may be kept of them."""

import hashlib
import secrets
from typing import Final

PREFIX: Final = "mk_"
TOKEN_BYTES: Final = 32


def new_secret() -> str:
    """256 random bits, in letters that an address, a header and a subprotocol take as they are."""
    return PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(secret: str) -> bytes:
    """Of 256 random bits nothing can be guessed: one round of SHA-256 is enough, and can be looked up."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()
