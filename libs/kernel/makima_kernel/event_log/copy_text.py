"""The text format of COPY: how null and text are written so that Postgres reads back the same."""

from typing import Final

NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(text: str | None) -> str:
    """One column of a line; columns are joined by tabs, and each line ends with a newline."""
    if text is None:
        return NULL
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)  # few texts need an escape
