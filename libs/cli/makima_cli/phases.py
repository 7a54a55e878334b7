"""The order of a contract's phases."""

from collections.abc import Sequence


def phase_after(names: Sequence[str], phase: str) -> str | None:
    """None after the last, and after one that is not among them."""
    place = names.index(phase) + 1 if phase in names else len(names)
    return names[place] if place < len(names) else None
