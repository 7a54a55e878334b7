"""Prints lines of a tree: on a terminal a long one goes on under its own text; a pipe gets each in one piece."""

import re
import shutil
import sys

from makima_cli.readable import readable, say


def say_under(head: str, text: object) -> None:
    """Print the text after the head. Further lines stand under the text, with the branches of the head before them."""
    shown = readable(text)
    if not sys.stdout.isatty():
        say(f"{head}{shown}")
        return
    for line in under(head, shown, shutil.get_terminal_size().columns):
        say(line)


def under(head: str, text: str, columns: int) -> list[str]:
    """Lines of at most so many cells, broken between words. A word, which may be an id, stays whole while it fits the
    terminal, and stands less far in if it must; only one that is wider than the terminal is broken.
    """
    from rich.cells import cell_len, chop_cells  # noqa: PLC0415 - takes longer than many commands

    margin = re.sub("[^│ ]", " ", head.replace("├", "│"))
    lines: list[str] = []
    line = head
    for word in re.findall(r" *[^ ]+", text):
        if cell_len(line + word) <= columns:
            line += word
            continue
        *whole, last = chop_cells(word.strip(), columns)
        lines += [line.rstrip(), *whole]
        line = margin[: max(columns - cell_len(last), 0)] + last
    return [*lines, line]
