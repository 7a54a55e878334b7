"""A message of a stream as the pull loop hands it on: payload, place in the stream, and the broker's clock."""

from typing import Final

import msgspec
from nats.aio.msg import Msg

_TOKENS_WITHOUT_DOMAIN: Final = 9


class Message(msgspec.Struct, frozen=True, gc=False):
    """`sequence` is the stream's, `delivery` the consumer's (both from 1, `delivery` without gaps); `timestamp_ns` is the
    broker's time of arrival, Unix nanoseconds; `pending` says how many more the consumer had then.
    """

    subject: str
    payload: bytes
    headers: dict[str, str] | None
    sequence: int
    delivery: int
    timestamp_ns: int
    pending: int


def parse(message: Msg) -> Message:
    """`$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<tries>.<sequence>.<delivery>.<time>.<pending>[.<random>]`."""
    tokens = message.reply.split(".")
    at = 5 if len(tokens) == _TOKENS_WITHOUT_DOMAIN else 7
    return Message(
        message.subject,
        message.data,
        message.headers,
        int(tokens[at]),
        int(tokens[at + 1]),
        int(tokens[at + 2]),
        int(tokens[at + 3]),
    )
