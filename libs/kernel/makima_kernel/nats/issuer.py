"""Signs the answers to the broker's auth callouts: who a connecting user is and what it may do, or why it is
refused. The key is an account's nkey, whose public half the broker's configuration names as the issuer.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from uuid import uuid4

import msgspec
import nkeys
import orjson
from makima_schemas.permissions import Permissions

SEED_BYTES: Final = 32
ANSWER_SECONDS: Final = 120  # how long a user may answer a message that it received
UNLIMITED: Final = -1
_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}


class _Server(msgspec.Struct, frozen=True):
    id: str


class _Options(msgspec.Struct, frozen=True):
    user: str = ""
    password: str = msgspec.field(name="pass", default="")


class _Request(msgspec.Struct, frozen=True):
    user_nkey: str
    server_id: _Server
    connect_opts: _Options


class _Claims(msgspec.Struct, frozen=True):
    nats: _Request


@dataclass(frozen=True, slots=True)
class Callout:
    """What a broker asks about one connection."""

    user: str
    password: str
    user_key: str  # the nkey that the broker made for this connection; the answer must name it
    server_id: str  # the broker's; likewise


def decode_callout(body: bytes) -> Callout:
    """Reads a request (`nats-authorization-request`, a JWT). The caller trusts its subject, which only brokers
    may use, so its signature is not checked. Raises `ValueError`.
    """
    try:
        request = msgspec.json.decode(_decoded(body.split(b".")[1]), type=_Claims).nats
    except (msgspec.DecodeError, IndexError) as error:
        raise ValueError(f"no auth callout: {error}") from error
    return Callout(
        request.connect_opts.user, request.connect_opts.password, request.user_nkey, request.server_id.id
    )


def new_seed() -> str:
    """The seed of a new account key."""
    return nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_ACCOUNT).decode()


class Issuer:
    """An account key. Raises `ValueError` for a seed that is none."""

    def __init__(self, seed: str) -> None:
        try:
            self._key = nkeys.from_seed(bytearray(seed.strip().encode()))
            self.public_key = cast("bytes", self._key.public_key).decode()
        except nkeys.NkeysError as error:
            raise ValueError(f"no seed of an account key: {error}") from error
        if not self.public_key.startswith("A"):
            raise ValueError("the seed is of another kind than an account's")

    def grant(self, callout: Callout, *, name: str, account: str, may: Permissions) -> bytes:
        """The answer that lets the connection into `account`, under the user name `name`."""
        user: dict[str, object] = {
            "pub": {"allow": may.publish},
            "sub": {"allow": may.subscribe},
            "subs": UNLIMITED,
            "data": UNLIMITED,
            "payload": UNLIMITED,
            "type": "user",
            "version": 2,
        }
        if may.answers:
            user["resp"] = {"max": 1, "ttl": ANSWER_SECONDS * 10**9}
        return self._answer(callout, jwt=self._signed(callout.user_key, account, user, name=name).decode())

    def refuse(self, callout: Callout, reason: str) -> bytes:
        """The answer that refuses the connection; the broker logs the reason, the client does not get it."""
        return self._answer(callout, error=reason)

    def _answer(self, callout: Callout, **members: str) -> bytes:
        answer = {**members, "type": "authorization_response", "version": 2}
        return self._signed(callout.user_key, callout.server_id, answer)

    def _signed(self, subject: str, audience: str, nats: Mapping[str, object], **members: str) -> bytes:
        claims = {
            "jti": uuid4().hex,
            "iat": int(time.time()),
            "iss": self.public_key,
            "sub": subject,
            "aud": audience,
            "nats": nats,
            **members,
        }
        text = b".".join((_encoded(orjson.dumps(_HEADER)), _encoded(orjson.dumps(claims))))
        return b".".join((text, _encoded(self._key.sign(text))))


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
