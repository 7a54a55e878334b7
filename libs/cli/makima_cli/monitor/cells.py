"""Text in terminal cells: lines of an exact width, made of pieces with a style."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from makima_cli.readable import readable

# The terminal's own colours, so that they fit its theme; what they say, a sign or a word says too.
NEEDS: Final = "bold yellow"
DEAD: Final = "bold red"
ALIVE: Final = "cyan"
RESTARTING: Final = "magenta"
DIM: Final = "dim"
HEAD: Final = "bold"
CURSOR: Final = "reverse"
# Where the terminal has no UTF-8.
_ASCII: Final = str.maketrans(
    "▌●○↻✗■–⊘‖◐✓─│…¶⧗→↓↑□◆‹▏·▇▃¦═░├▪◂▸▁▂▄▅▆", ">*o~xX-!=%v-|~PS>v^.:<_.|.|=.+#<>_____"
)
CHANGED: Final = "underline"
_ATTRIBUTES: Final = frozenset({"bold", "dim", "reverse", "underline"})


class Piece(NamedTuple):
    text: str
    style: str = ""


Line = tuple[Piece, ...]


def fit(text: object, width: int, *, right: bool = False) -> str:
    """Text of others, escaped, in exactly `width` cells: cut with `…`, or filled with spaces."""
    shown = readable(text)
    taken = cell_len(shown)
    if taken > width:
        return set_cell_size(shown, max(width - 1, 0)) + "…" * min(width, 1)
    return " " * (width - taken) + shown if right else shown + " " * (width - taken)


def wrapped(text: object, width: int) -> list[str]:
    """Text of others, escaped, in lines of at most `width` cells: between words, and within one that is longer."""
    lines: list[str] = []
    line = ""
    for word in _words(readable(text)):
        if cell_len(line + word.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = ""
        *whole, rest = chop_cells(word.rstrip(), max(width, 1)) or [""]
        lines += whole
        line += rest + " " * (len(word) - len(word.rstrip()))
    return [*lines, line.rstrip()]


def _words(text: str) -> list[str]:
    """Each word with the spaces that follow it; first the spaces before the first one."""
    return re.findall(r"^ +|(?:[^ ,]+,*|,+) *", text)


def between(left: str, right: str, width: int, style: str = "") -> Line:
    """One line with a text at each end and a space before and after; the left one gives way."""
    kept = fit(right, min(cell_len(right), max(width - 2, 0)))
    return (Piece(f" {fit(left, max(width - 2 - cell_len(kept), 0))}{kept} ", style),)


def rule(width: int) -> Line:
    return (Piece("─" * width, DIM),)


def beside(left: Sequence[Line], right: Sequence[Line], left_width: int, right_width: int) -> list[Line]:
    """Two blocks next to each other, with a line between them."""
    height = max(len(left), len(right))
    lines = zip(padded(left, height, left_width), padded(right, height, right_width), strict=True)
    return [(*one, Piece("│", DIM), *other) for one, other in lines]


def padded(lines: Sequence[Line], height: int, width: int) -> list[Line]:
    """Exactly `height` lines."""
    blank = (Piece(" " * width),)
    return [*lines[:height], *[blank] * (height - len(lines))]


def window(count: int, chosen: int, height: int) -> int:
    """The first of `height` rows in sight, so that the chosen one is among them."""
    return max(0, min(chosen - height // 2, count - height))


def plain_style(style: str) -> str:
    """Without colours: for NO_COLOR."""
    return " ".join(word for word in style.split() if word in _ATTRIBUTES)


def to_ascii(text: str) -> str:
    """For a terminal without UTF-8: signs by letters, every other character by `?`, each as wide as it was."""
    shown = text.translate(_ASCII)
    return "".join(each if each.isascii() else "?" * cell_len(each) for each in shown)
