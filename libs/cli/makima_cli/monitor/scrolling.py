"""Texts that take the screen: wrapped, and moved through where they are longer than it."""

from collections.abc import Sequence
from typing import Final

from makima_cli.monitor.cells import DIM, Line, Piece, fit, wrapped
from makima_cli.monitor.state import MonitorState

_INDENT: Final = 3  # cells by which the further lines of a text stand in


def in_sight(state: MonitorState, texts: Sequence[str], width: int, height: int) -> list[Line]:
    lines = [(Piece(fit(f" {line}", width)),) for text in texts for line in _wrapped(text, width - 2)]
    return scrolled(state, lines, width, height)


def scrolled(state: MonitorState, lines: Sequence[Line], width: int, height: int) -> list[Line]:
    """As many as there is room for; of more, with which they are in the last one."""
    if len(lines) <= height or height < 2:
        state.scroll = 0
        return list(lines[:height])
    rows = height - 1
    state.scroll = min(state.scroll, len(lines) - rows)
    first = state.scroll
    keys = "j k Space g G"
    place = f" lines {first + 1} to {first + rows} of {len(lines)}: {keys}"
    return [*lines[first : first + rows], (Piece(fit(place, width), DIM),)]


def _wrapped(text: str, width: int) -> list[str]:
    """Further lines stand in as far as the text does, and a little more."""
    indent = " " * min(len(text) - len(text.lstrip()) + _INDENT, width // 2)
    first, *more = wrapped(text, width)
    if not more:
        return [first]
    rest = text.lstrip()[len(first.strip()) :].lstrip()
    return [first, *(f"{indent}{line}" for line in wrapped(rest, width - len(indent)))]
