"""A message of a JetStream stream: payload, sequences and the broker's timestamp,
parsed from its reply subject.
"""

from typing import Final

import msgspec
from nats.aio.msg import Msg

_TOKENS_WITHOUT_DOMAIN: Final = 9  # of the reply subject; later servers insert domain and account


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a stream, as the pull loop returns it."""

    subject: str
    payload: bytes
    headers: dict[str, str] | None
    sequence: int  # in the stream, from 1
    delivery: int  # in the consumer, from 1 without gaps
    timestamp_ns: int  # when it arrived at the broker, Unix nanoseconds, by the broker's clock
    pending: int  # how many messages the consumer had after this one at its delivery


def parse(message: Msg) -> Message:
    """Parses a delivered message, with the sequences and the time in its reply subject.

    The subject is `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.` and then
    `<tries>.<sequence>.<delivery>.<time>.<pending>[.<random>]`.
    """
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
