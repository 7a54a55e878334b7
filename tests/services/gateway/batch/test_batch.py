"""Batches: each operation on the contracts it is for, and what fails told by id."""

import asyncpg
import httpx
import orjson
import pytest
from makima_completion_detector import app as completion_detector
from makima_gateway.batch import job as batch_module
from makima_kernel.service.contracts_settings import FeatureFlags
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.silence import StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.batch.batches import batch, contracts, done, operations, statuses
from tests.services.gateway.harness import Gateways, listed, refused, running
from tests.services.gateway.sender_samples import EVIDENCE, NOW


async def test_what_ended_long_ago_is_archived(http: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    ids = await contracts(
        http, fresh=("start", "fail"), old=("start", "complete"), failed=("start", "fail"), running=("start",)
    )
    await pool.execute(
        "update gateway.contracts set status_changed_at = now() - interval '169 h' where name <> 'fresh'"
    )
    counted = operations("archive_old")
    assert await batch(http, "archive_old", status_filter=["completed"], dry_run=True) == done(
        "archive_old", ids["old"]
    )
    assert await batch(http, "archive_old") == done("archive_old", ids["failed"], ids["old"])
    assert await statuses(http) == {
        "fresh": "failed",
        "old": "archived",
        "failed": "archived",
        "running": "active",
    }
    assert await batch(http, "archive_old", older_than_hours=0) == done("archive_old", ids["fresh"])
    assert operations("archive_old") == counted + 2, "a dry run does nothing, so it does not count"


async def test_all_that_work_pause_and_only_the_paused_resume_where_they_were(
    http: httpx.AsyncClient,
) -> None:
    ids = await contracts(
        http,
        new=(),
        running=("start",),
        asking=("start",),
        stuck=("start", "block"),
        over=("start", "complete"),
    )
    await http.post(f"/contracts/{ids['asking']}/questions", json={"question": "why?"})
    before = await statuses(http)
    assert await batch(http, "pause_all") == done("pause_all", ids["asking"], ids["running"])
    assert await batch(http, "pause_all", status_filter=["blocked", "created"]) == done(
        "pause_all", ids["stuck"], ids["new"]
    )
    assert set((await statuses(http)).values()) == {"paused", "completed"}
    assert await batch(http, "resume_all", older_than_hours=1) == done("resume_all")
    assert await batch(http, "resume_all") == done(
        "resume_all", ids["stuck"], ids["asking"], ids["running"], ids["new"]
    )
    assert await statuses(http) == before


async def test_what_was_archived_long_ago_is_deleted(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = await contracts(http, gone=("archive",), kept=("start", "complete"))
    assert await batch(http, "cleanup_archived") == done("cleanup_archived"), "younger than a week"
    assert await batch(http, "cleanup_archived", older_than_hours=0) == done("cleanup_archived", ids["gone"])
    assert await statuses(http) == {"kept": "completed"}
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "batch.deleted" in line]
    assert ids["gone"] in line
    assert "admin:local" in line


async def test_a_failure_is_told_under_its_id_and_stops_nothing(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    """The read model shows what its owner does not know: as if that had been deleted a moment ago."""
    ids = await contracts(http, one=("start",), two=("start",))
    await pool.execute(
        """insert into gateway.contracts select (jsonb_populate_record(contracts, '{"id": "phantom", "created_position": 999}')).*
        from gateway.contracts where name = 'one'"""
    )
    answer = await batch(http, "pause_all")
    (error,) = listed(answer["errors"])
    assert (error["id"], error["code"]) == ("phantom", "CONTRACT_NOT_FOUND")
    assert answer["affected_ids"] == [ids["two"], ids["one"]]


async def test_any_number_is_paged_through(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "BATCH_PAGE_SIZE", 3)
    ids = await contracts(http, **{f"contract {number}": ("start",) for number in range(8)})
    newest_first = list(reversed(ids.values()))
    assert await batch(http, "pause_all", dry_run=True) == done("pause_all", *newest_first)
    assert await batch(http, "pause_all") == done("pause_all", *newest_first)


async def test_what_makes_no_sense_is_refused_with_what_does(http: httpx.AsyncClient) -> None:
    for operation, status in (
        ("resume_all", "active"),
        ("cleanup_archived", "failed"),
        ("pause_all", "completed"),
        ("archive_old", "active"),
    ):
        asked = http.post("/contracts/batch", json={"operation": operation, "status_filter": [status]})
        problem = await refused(asked, 422, "INVALID_REQUEST")
        assert listed(problem["errors"])[0]["path"] == "body.status_filter"
        assert operation in str(problem["hint"])
    unfits: list[dict[str, object]] = [
        {}, {"operation": "drop_all"}, {"operation": "pause_all", "older_than_hours": -1}, {"operation": "pause_all", "status_filter": []},
        {"operation": "pause_all", "status_filter": ["nonsense"]}, {"operation": "pause_all", "older": 1},
    ]  # fmt: skip
    for unfit in unfits:
        await refused(http.post("/contracts/batch", json=unfit), 422, "INVALID_REQUEST")


async def test_without_the_new_statuses_nothing_is_paused(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    off = settings.model_copy(update={"feature_flags": FeatureFlags(enhanced_contract_status=False)})
    async with running(off, pool, nats) as gateways:
        for operation in ("pause_all", "resume_all"):
            await refused(
                gateways.clients[0].post("/contracts/batch", json={"operation": operation}),
                404,
                "FEATURE_OFF",
            )
        assert await batch(gateways.clients[0], "archive_old") == done("archive_old")


async def test_stale_supervisors_are_restarted_where_a_daemon_can(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    heard: list[object] = []

    async def hear(message: Msg) -> None:
        heard.append(orjson.loads(message.data)["task_id"])
        await message.respond(b"{}")

    await nats.subscribe(subjects.daemon_signal("d1", "restart"), cb=hear)
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        ids = await contracts(
            http, alone=("start",), away=("start",), restarted=("start",), lively=("start",)
        )
        await gateways.append("daemon-d1", DaemonConnected("one"))
        await gateways.append("daemon-d2", DaemonConnected("two"))
        await gateways.append("daemon-d2", DaemonDisconnected(EVIDENCE))
        for name, daemon in (("away", "d2"), ("restarted", "d1"), ("lively", "d1")):
            registered = SupervisorRegistered(ids[name], daemon, "k", SupervisorState.FAILED, "plan")
            await gateways.append(f"supervisor-s-{name}", registered)
        position = 0
        for name in ("alone", "away", "restarted"):
            position = await gateways.append(
                f"silence-{ids[name]}", StaleDetected(ids[name], NOW, 1800.0, 1801.0)
            )
        await http.get("/contracts", headers={"Makima-Min-Position": str(position)})
        foreseen = await batch(http, "restart_stale", dry_run=True)
        assert foreseen["affected_ids"] == [ids["restarted"], ids["away"]]
        answer = await batch(http, "restart_stale")
        assert answer["affected_ids"] == [ids["restarted"]]
        assert [(error["id"], error["code"]) for error in listed(answer["errors"])] == [
            (ids["away"], "UNAVAILABLE"),
            (ids["alone"], "SUPERVISOR_NOT_FOUND"),
        ]
        assert heard == ["s-restarted"]


async def test_worktrees_of_what_has_ended_are_cleaned_up(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    asked: list[object] = []

    async def remove(message: Msg) -> None:
        asked.append(orjson.loads(message.data))
        await message.respond(b'{"removed": 1}')

    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    async with Service.running(completion_detector.NAME, settings, completion_detector.build):
        ids = await contracts(
            http,
            held=("start", "fail"),
            unheard=("start", "fail"),
            nobody=("start", "fail"),
            builder=("start", "fail"),
            running=("start",),
        )
        for name, daemon in (("held", "d1"), ("unheard", "d2"), ("running", "d1")):
            registered = SupervisorRegistered(ids[name], daemon, "k", SupervisorState.FAILED, "plan")
            position = await gateways.append(f"supervisor-s-{name}", registered)
            await http.get("/contracts", headers={"Makima-Min-Position": str(position)})
        joined = AgentJoined(ids["builder"], "builder", "k", "d3")  # no supervisor was ever heard of
        position = await gateways.append("agent-b", joined)
        await http.get("/contracts", headers={"Makima-Min-Position": str(position)})
        answer = await batch(http, "cleanup_worktrees", older_than_hours=0)
        assert answer["affected_ids"] == [ids["held"]]
        assert [(error["id"], error["code"]) for error in listed(answer["errors"])] == [
            (ids["builder"], "UNAVAILABLE"),
            (ids["unheard"], "UNAVAILABLE"),
        ]
        assert asked == [{"contract_id": ids["held"]}]
