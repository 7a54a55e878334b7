"""A log that was written before newer members and events existed: contract service, gateway and detectors
read it right, and go on from it.

`logs/before.jsonl` never changes. Its events carry what the first schema demanded, and no more: no gates, no
causes, no options, no actor.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest
from makima_completion_detector import app as detector
from makima_kernel.event_log.append import Append, Appended, NewEvent
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.envelope import EventMeta
from makima_schemas.times import rfc3339
from makima_stale_detector.projections import Silence
from nats.aio.client import Client

from tests.kernel.event_log import append_builders as writing
from tests.services.gateway.harness import Gateways, act, body, items, running

LOG = Path(__file__).parent / "logs" / "before.jsonl"


async def write(appender: Appender) -> None:
    """Each line as one command of its own, its data as it stands there."""
    for line in LOG.read_text().splitlines():
        said = orjson.loads(line)
        event = NewEvent(uuid4(), said["type"], said["schema"], orjson.dumps(said["data"]))
        stored = await appender.append(
            Append("default", said["stream"], uuid4(), b"", None, (event,), EventMeta())
        )
        assert isinstance(stored, Appended)


@pytest.fixture
async def gateways(
    database: str, settings: Settings, pool: asyncpg.Pool, nats: Client
) -> AsyncIterator[Gateways]:
    """Everything starts after the log was written."""
    async with writing.running(database) as appender:
        await write(appender)
    async with (
        running(settings, pool, nats) as made,
        Service.running(detector.NAME, settings, detector.build),
    ):
        yield made


@pytest.fixture
def http(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]


async def shown(http: httpx.AsyncClient, contract: str) -> dict[str, object]:
    return body(await http.get(f"/contracts/{contract}"))


async def test_a_contract_in_which_nothing_was_done_counts_from_its_last_update(
    http: httpx.AsyncClient,
) -> None:
    quiet = await shown(http, "quiet")
    assert (quiet["status"], quiet["legacy_status"], quiet["phase"], quiet["version"]) == (
        "active",
        "active",
        "plan",
        5,
    )
    assert quiet["last_activity_at"] == quiet["updated_at"]
    assert str(quiet["updated_at"]) > str(quiet["status_changed_at"]) > str(quiet["created_at"])
    assert (
        quiet["waiting_for"],
        quiet["blocked_reason"],
        quiet["failure_reason"],
        quiet["completion_detected_at"],
    ) == (
        None,
        None,
        None,
        None,
    )
    assert body(await http.get("/contracts/quiet/phase-readiness"))["missing"] == [
        "Deliverable: plan-document"
    ]


async def test_one_in_which_something_was_done_counts_from_that(http: httpx.AsyncClient) -> None:
    busy = await shown(http, "busy")
    assert (busy["status"], busy["waiting_for"], busy["version"]) == ("waiting_for_input", "question", 10)
    assert busy["last_activity_at"] == busy["updated_at"], "a deliverable was the last that happened"
    assert busy["tasks"] == {
        "total": 1,
        "pending": 0,
        "claimed": 0,
        "running": 0,
        "completed": 0,
        "failed": 1,
    }
    [task] = await items(http, "/contracts/busy/tasks")
    assert (task["status"], task["role"], task["plan"], task["is_supervisor"], task["result"]) == (
        "failed",
        "builder",
        None,
        False,
        None,
    )
    [question] = await items(http, "/contracts/busy/questions")
    assert (question["options"], question["status"]) == ([], "open")


async def test_both_names_of_a_status_are_told(http: httpx.AsyncClient) -> None:
    done = await shown(http, "done")
    assert (done["status"], done["legacy_status"], done["contract_type"]) == (
        "completed",
        "completed",
        "execute",
    )


async def test_old_work_is_gone_on_with(http: httpx.AsyncClient) -> None:
    """Its question is answered, its failed task made again; then the detector knows that the phase is done."""
    assert (
        body(await http.post("/contracts/busy/questions/q1/answer", json={"answer": "Postgres"}))["status"]
        == "answered"
    )
    problem = await http.post("/contracts/busy/phase", json={"phase": "execute"})
    assert (problem.status_code, problem.json()["missing"]) == (400, ["1 tasks incomplete"])
    again = body(await http.post("/contracts/busy/tasks", json={"name": "write"}))
    await http.post(f"/contracts/busy/tasks/{again['id']}/complete", json={"success": True})

    async def executing() -> bool:
        return (await shown(http, "busy"))["phase"] == "execute"

    await eventually(executing, because="the detector does not see that the phase is done")


async def test_old_clients_move_old_contracts(http: httpx.AsyncClient) -> None:
    for status in ("completed", "active", "archived"):
        answer = await http.post("/contracts/quiet/status", json={"status": status})
        assert (answer.status_code, body(answer)["status"], body(answer)["legacy_status"]) == (
            200,
            status,
            status,
        )
    reopened = await act(http, "done", "reopen", reason="a bug")
    assert (reopened["status"], reopened["phase_guard"], reopened["auto_complete_enabled"]) == (
        "active",
        True,
        False,
    )


async def test_the_stale_detector_counts_from_the_last_update_until_something_is_done(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await rebuild(Silence(), pool, Log(pool))
    counts = {row["contract_id"]: row for row in await pool.fetch("select * from stale_detector.contracts")}
    for contract in ("quiet", "busy"):
        said = await shown(http, contract)
        assert (rfc3339(counts[contract]["last_activity_at"]), counts[contract]["status"]) == (
            said["last_activity_at"],
            said["status"],
        )
    assert [counts[contract]["ever_active"] for contract in ("quiet", "busy")] == [False, True]
