"""What COPY reads is what was written, whatever it contains."""

import asyncpg
import pytest
from makima_kernel.event_log.copy_text import NULL, copy_text

TEXTS = ("plain", "", "tab\tnew\nline\rback\\slash", "\\N", "\\.", "→ ünïcode 🐍", "\x01\x7f\u2028")


@pytest.mark.parametrize("text", [None, *TEXTS])
async def test_postgres_reads_back_what_was_written(pool: asyncpg.Pool, text: str | None) -> None:
    async def lines():
        yield f"{copy_text(text)}\t1\n".encode()

    async with pool.acquire() as connection:
        await connection.execute("create temp table copied (text text, number int)")
        await connection.copy_to_table("copied", source=lines())
        assert await connection.fetchval("select text from copied") == text
        await connection.execute("drop table copied")


def test_null_is_no_text() -> None:
    assert copy_text(None) == NULL != copy_text("\\N")
