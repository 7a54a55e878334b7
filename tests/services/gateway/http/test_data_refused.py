"""A value that the database does not take is the request's trouble (422); a database that is away is not (503)."""

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from makima_gateway.http import problems


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ("select clock_timestamp() + make_interval(secs => 9223372036000)", 422, "INVALID_REQUEST"),
        ("select $1::bigint", 422, "INVALID_REQUEST"),
        ("select pg_terminate_backend(pg_backend_pid())", 503, "UNAVAILABLE"),
    ],
)
async def test_an_error_of_data_is_not_told_as_a_database_that_is_away(
    pool: asyncpg.Pool, value: str, status: int, code: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/value")
    async def ask() -> object:  # pyright: ignore[reportUnusedFunction]
        return await pool.fetchval(value, *([2**70] if "$1" in value else []))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/value")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
