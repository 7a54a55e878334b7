"""What a client does while the server is away: asks again under the same key, and says in the end why it gave
up.
"""

import asyncio

import pytest
from makima_local import ports
from makima_sdk import Http, ProblemError, UnreachableError

from tests.sdk.http_server import server


def key_of(head: str) -> str:
    return next(
        line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith("idempotency-key")
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_is_repeated_under_one_key_until_it_is_answered(method: str) -> None:
    keys: list[str] = []

    def reply(head: str) -> tuple[int, str]:
        keys.append(key_of(head))
        return (200, '{"id": "c1"}') if len(keys) == 3 else (503, '{"code": "UNAVAILABLE"}')

    port = ports.free()
    async with server(port, reply), Http(f"http://127.0.0.1:{port}") as http:
        assert (await http.send(method, "/contracts", {"name": "x"})).body == {"id": "c1"}
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_a_refusal_is_not_repeated() -> None:
    asked: list[str] = []

    def reply(head: str) -> tuple[int, str]:
        asked.append(head)
        return 409, '{"code": "VERSION_CONFLICT", "detail": "too late", "hint": "read it again", "actual": 7}'

    port = ports.free()
    async with server(port, reply), Http(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(ProblemError) as refused:
            await http.send("POST", "/contracts/c1/start", {})
    assert len(asked) == 1
    assert (refused.value.status, refused.value.code, refused.value.hint, refused.value.body["actual"]) == (
        409,
        "VERSION_CONFLICT",
        "read it again",
        7,
    )


async def test_a_dead_supervisor_is_an_answer_not_an_outage() -> None:
    asked: list[str] = []

    def reply(head: str) -> tuple[int, str]:
        asked.append(head)
        return 503, '{"code": "SUPERVISOR_DEAD"}'

    port = ports.free()
    async with server(port, reply), Http(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(ProblemError):
            await http.send("GET", "/contracts/c1/supervisor/status")
    assert len(asked) == 1


async def test_a_server_that_comes_later_is_waited_for() -> None:
    port = ports.free()
    async with Http(f"http://127.0.0.1:{port}") as http, asyncio.TaskGroup() as group:
        asking = group.create_task(http.send("GET", "/contracts"))
        await refused_once(port)
        async with server(port, lambda _: (200, '{"items": []}')):
            assert (await asking).body == {"items": []}


async def test_when_patience_ends_the_reason_is_told() -> None:
    async with Http(f"http://127.0.0.1:{ports.free()}", retry_for=0.2) as http:
        with pytest.raises(UnreachableError, match="does not answer"):
            await http.send("GET", "/contracts")


async def refused_once(port: int) -> None:
    """Nobody listens there yet."""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
