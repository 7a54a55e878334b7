"""Encodes values for the text format of Postgres' COPY."""

from collections.abc import AsyncGenerator
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


async def copy_source(rows: bytes) -> AsyncGenerator[bytes]:
    """The source of asyncpg's `copy_to_table` for rows in memory.

    asyncpg reads a file object in the event loop's default thread pool: a pool that others keep busy would hold up the
    COPY, and the transaction that it is part of. Bytes it takes for a path.
    """
    yield rows
