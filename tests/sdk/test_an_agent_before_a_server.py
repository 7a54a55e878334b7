"""What an agent does with each answer of a server, one by one: nothing here needs the services."""

import asyncio
from datetime import UTC, datetime

import pytest
from makima_local import ports
from makima_sdk import (
    Agent,
    Connection,
    SupersededError,
)

from tests.sdk.http_server import body_server

NOW = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
OK = '{"status": "ok", "interval_seconds": 0.01, "timeout_seconds": 120}'
SUPERSEDED = '{"status": "superseded", "interval_seconds": 0.01, "timeout_seconds": 120}'


async def test_an_agent_that_is_lost_while_it_leaves_says_why() -> None:
    """It waits until its last step is delivered; meanwhile a newer process takes its place."""
    leaves: list[str] = []
    is_leaving = False

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        nonlocal is_leaving
        if path.endswith("/messages"):
            is_leaving = True
            return 503, "{}"
        if path.endswith("/leave"):
            leaves.append(path)
        return 200, SUPERSEDED if is_leaving and path.endswith("/heartbeat") else OK

    port = ports.free()
    async with body_server(port, reply):
        with pytest.raises(SupersededError, match="a newer process is in force"):
            async with Agent("c1", "builder", Connection(url=f"http://127.0.0.1:{port}")) as agent:
                agent.step("the last one")
    assert leaves == []
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
