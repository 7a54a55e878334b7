"""A quota of events: what can be repeated without end is refused once a stream has as many as it may have."""

from collections.abc import Callable
from typing import TypeVar

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

C = TypeVar("C")


def event_quota(
    limit: int, is_repeatable: Callable[[C], bool], *, of: str, hint: str
) -> Callable[[C, int], None]:
    """A check for the command handler: raises `QUOTA_EXCEEDED` for a stream that has `limit` events.

    `is_repeatable`: the command can be sent without end; what ends something is never refused. `of`: what the stream
    is of, for the message.
    """

    def check(command: C, version: int) -> None:
        if version >= limit and is_repeatable(command):
            raise Refused(
                ErrorCode.QUOTA_EXCEEDED,
                f"the {of} has {version} events, and may have {limit}",
                hint=hint,
                limit=limit,
                used=version,
            )

    return check
