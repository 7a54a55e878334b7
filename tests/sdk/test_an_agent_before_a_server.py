"""What an agent does with each answer of a server, one by one: nothing here needs the services."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from makima_local import ports
from makima_sdk import Agent, Connection, ContractChanges, Http, Signal, SupersededError, Supervisor, requests
from makima_sdk.spool import Spool

from tests.sdk.http_server import body_server

NOW = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
OK = '{"status": "ok", "interval_seconds": 0.01, "timeout_seconds": 120}'
SUPERSEDED = '{"status": "superseded", "interval_seconds": 0.01, "timeout_seconds": 120}'


def contract(version: int, status: str = "active", **counts: int) -> str:
    """As the gateway answers."""
    members = {
        "id": "c1",
        "name": "x",
        "contract_type": "simple",
        "status": status,
        "phase": "plan",
        "version": version,
    }
    times = {"created_at": NOW, "status_changed_at": NOW}
    return orjson.dumps(members | times | {"tasks": counts}).decode()


def left(path: Path, owner: str, route: str) -> None:
    """A spool as a killed process leaves it."""
    spool = Spool(path, owner).open()
    spool.put("result", route, {"connection_id": "old"}, "old")
    spool.close()


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


async def test_a_restoration_comes_after_what_the_supervisor_of_before_left(tmp_path: Path) -> None:
    """It fences that connection, so that what came later would be refused, and missing in what is restored."""
    said: list[str] = []
    left(tmp_path / "spool", "c1:supervisor", "/contracts/c1/supervisor/state")

    def reply(path: str, body: bytes) -> tuple[int, str]:
        step = path.rsplit("/", 1)[-1]
        said.append(f"{step} of {orjson.loads(body)['connection_id']}")
        return 200, '{"outcome": "resumed"}' if step == "restore" else OK

    port = ports.free()
    async with body_server(port, reply):
        to = Connection(url=f"http://127.0.0.1:{port}")
        async with await Supervisor.restore("c1", to, "new", spool=tmp_path / "spool") as supervisor:
            assert supervisor.undelivered == 0
    assert said[:3] == ["state of old", "restore of new", "heartbeat of new"]
    assert not (tmp_path / "spool.refused").exists()


@pytest.mark.parametrize(("status", "code"), [(403, "FORBIDDEN"), (409, "SUPERSEDED")])
async def test_what_an_earlier_process_may_not_say_any_more_is_kept(
    status: int, code: str, tmp_path: Path
) -> None:
    left(tmp_path / "spool", "c1:builder", "/contracts/c1/tasks/t1/complete")

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        return (status, f'{{"code": "{code}"}}') if path.endswith("/complete") else (200, OK)

    port = ports.free()
    refused: list[Signal] = []
    async with body_server(port, reply):
        agent = Agent("c1", "builder", Connection(url=f"http://127.0.0.1:{port}"), spool=tmp_path / "spool")
        agent.on("refused", refused.append)
        async with agent:
            assert (agent.undelivered, agent.lost_because) == (0, None)
    kept = tmp_path / "spool.refused"
    assert [signal.body["kept_in"] for signal in refused] == [str(kept)]
    line = orjson.loads(kept.read_bytes())
    assert (line["code"], line["connection_id"], line["body"]) == (code, "old", {"connection_id": "old"})


@pytest.mark.parametrize("header", ['ETag: W/"12"', "X: no-etag"])
async def test_a_proxy_that_changes_the_etag_hides_no_change(header: str) -> None:
    versions = iter((12, 12, 13))

    def reply(_path: str, _body: bytes) -> tuple[int, str]:
        return 200, contract(next(versions))

    port = ports.free()
    async with body_server(port, reply, header=header), Http(f"http://127.0.0.1:{port}") as http:
        assert (await http.send("GET", "/contracts/c1")).version == (12 if "W/" in header else None)
        changes = ContractChanges(http, "c1")
        assert [(await changes.next()).version for _ in range(2)] == [12, 13]


async def test_a_rejoining_that_is_not_answered_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "RETRY_EVERY_SECONDS", 0.01)
    joins, starts = iter(((200, OK), (503, "{}"), (200, OK))), iter((409, 200))

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        if path.endswith("/join"):
            return next(joins)
        return (next(starts), '{"code": "REJOIN_REQUIRED"}') if path.endswith("/start") else (200, OK)

    port = ports.free()
    async with (
        body_server(port, reply),
        Agent("c1", "builder", Connection(url=f"http://127.0.0.1:{port}")) as agent,
    ):
        assert (await agent.requests.send("POST", "/contracts/c1/tasks/t1/start")).status == 200
    assert (next(joins, None), next(starts, None)) == (None, None)


async def test_an_agent_that_has_nothing_to_find_reads_no_tasks() -> None:
    """Others work, and the contract changes with each of their steps."""
    versions = iter(range(1, 6))
    reads: list[str] = []
    busy = {
        "id": "t1",
        "contract_id": "c1",
        "name": "x",
        "phase": "plan",
        "role": "builder",
        "status": "running",
    }
    page = orjson.dumps(
        {"items": [busy | {"created_at": NOW, "updated_at": NOW, "connection_id": "another"}]}
    ).decode()

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        if "/tasks" in path:
            reads.append(path)
            return 200, page
        if path.endswith("/contracts/c1"):
            version = next(versions)
            return 200, contract(version, "completed" if version == 5 else "active", running=1, claimed=1)
        return 200, OK

    port = ports.free()
    async with (
        body_server(port, reply),
        Agent("c1", "builder", Connection(url=f"http://127.0.0.1:{port}")) as agent,
    ):
        assert [work async for work in agent.tasks()] == []
    assert len(reads) == 1, "what it may hold from before"


async def test_a_claim_that_was_cancelled_before_its_answer_is_found_again() -> None:
    is_claimed = False
    times = {"created_at": NOW, "updated_at": NOW}
    task = {
        "id": "t1",
        "contract_id": "c1",
        "name": "x",
        "phase": "plan",
        "role": "builder",
        "status": "pending",
    }

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        nonlocal is_claimed
        known = task | times | ({"status": "claimed", "connection_id": "k1"} if is_claimed else {})
        if path.endswith("/claim"):
            is_claimed = True
            first.cancel()
            return 200, orjson.dumps(known).decode()
        if "/tasks" in path:
            return 200, orjson.dumps({"items": [known]}).decode()
        if path.endswith("/contracts/c1"):
            return 200, contract(2, claimed=1) if is_claimed else contract(1, pending=1)
        return 200, OK

    port = ports.free()
    async with (
        body_server(port, reply),
        Agent("c1", "builder", Connection(url=f"http://127.0.0.1:{port}"), "k1") as agent,
    ):
        first = asyncio.ensure_future(anext(agent.tasks()))
        await asyncio.wait({first})
        assert first.cancelled()
        assert (await anext(agent.tasks())).id == "t1"
