"""Encodes values for the text format of Postgres' COPY."""

from typing import Final

NULL: Final = "\\N"  # how COPY writes null
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(text: str | None) -> str:
    """The encoded value of one column; None becomes null.

    The caller joins the columns of a row by tabs and ends the row with a newline.
    """
    if text is None:
        return NULL
    # The first branch is the fast path: few texts need an escape.
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
