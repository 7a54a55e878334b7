"""Durations as people type and read them: one number and one unit."""

import re
from collections.abc import Mapping
from typing import Final

MAX_SECONDS: Final = 10**9  # longer ones mean as much: 31 years
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TYPED: Final = re.compile(r"([0-9]{1,9})([smhd])")
_SHOWN_FROM: Final = (("d", 2 * 86_400), ("h", 2 * 3600), ("m", 3 * 60))


def seconds_of(typed: str) -> int | None:
    """`90s`, `30m`, `2h` or `7d` in seconds; None if it is no duration."""
    found = _TYPED.fullmatch(typed)
    return min(int(found[1]) * _SECONDS[found[2]], MAX_SECONDS) if found else None


def age(seconds: float) -> str:
    """Rounded down to one unit: `12s`, `94s`, `22m`, `3h`, `9d`."""
    whole = max(0, int(seconds))
    for unit, least in _SHOWN_FROM:
        if whole >= least:
            return f"{whole // _SECONDS[unit]}{unit}"
    return f"{whole}s"
