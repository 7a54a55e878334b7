"""Conditional reads: which version the caller has, and for how long it would wait for another one."""

import re
from typing import Final

MAX_WAIT_SECONDS: Final = 30.0
_WAIT: Final = re.compile(r"\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(;.*)?", re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?"(\d{1,19})"')


def wait_seconds(prefer: str | None) -> float:
    """The `wait` of a `Prefer` header (RFC 7240), at most `MAX_WAIT_SECONDS`; 0 without one.

    A preference that cannot be read is ignored, as the RFC wants it.
    """
    for preference in (prefer or "").split(","):
        match = _WAIT.fullmatch(preference)
        if match is not None:
            return min(float(match[1]), MAX_WAIT_SECONDS)
    return 0.0


def versions_known(if_none_match: str | None) -> frozenset[int] | None:
    """The versions in an `If-None-Match` header (RFC 9110, 13.1.2); None: any (`*`).

    What is no version of a contract is ignored: no contract has it.
    """
    tags = [tag.strip() for tag in (if_none_match or "").split(",")]
    if "*" in tags:
        return None
    return frozenset(int(match[1]) for tag in tags if (match := _TAG.fullmatch(tag)) is not None)
