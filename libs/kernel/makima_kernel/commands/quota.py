"""A quota of events: what can be repeated without end is refused once a stream has as many as it may have."""

from collections.abc import Callable
from typing import TypeVar

from makima_schemas.refusal import over_quota

C = TypeVar("C")


def event_quota(
    quota: str, limit: int, is_repeatable: Callable[[C], bool], *, of: str, instead: str
) -> Callable[[C, int], None]:
    """A check for the command handler: raises `QUOTA_EXCEEDED` for a stream that has `limit` events.

    `quota`: the setting's name. `is_repeatable`: the command can be sent without end; what ends something is never
    refused. `of`: what the stream is of, and `instead`, what the caller may do: for the message.
    """

    def check(command: C, version: int) -> None:
        if version >= limit and is_repeatable(command):
            detail = f"the {of} has {version} events, and may have {limit}"
            raise over_quota(quota, limit=limit, used=version, detail=detail, instead=instead)

    return check
