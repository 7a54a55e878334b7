"""Supervisors over HTTP: what the log and their last heartbeat say of them, and their restart."""

from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from makima_gateway.api import supervisor_heartbeats
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.commands import encode_reply
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import SupervisorStateChanged
from makima_schemas.times import rfc3339
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.supervised_contract import supervised
from tests.services.gateway.harness import Gateways, body, created, items, refused
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, WORKING


async def test_a_contract_without_a_supervisor_has_none(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await refused(http.get(f"/contracts/{contract}/supervisor/status"), 404, "SUPERVISOR_NOT_FOUND")
    await refused(http.get("/contracts/nobody/supervisor/status"), 404, "CONTRACT_NOT_FOUND")
    await refused(http.get("/contracts/nobody/supervisor/heartbeats"), 404, "CONTRACT_NOT_FOUND")


async def test_a_supervisor_is_shown_with_what_its_last_heartbeat_said(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = await supervised(gateways, http)
    shown = body(await http.get(f"/contracts/{contract}/supervisor/status"))
    assert shown == {
        "task_id": "s1", "state": "working", "phase": "plan", "current_activity": None, "activity": None, "progress": None,
        "last_heartbeat": None, "pending_task_ids": [], "alive": True, "stuck": False,
    }  # fmt: skip
    heard = rfc3339(datetime.now(UTC) + timedelta(seconds=1))
    said = {
        "contract_id": contract, "state": "waiting_for_tasks", "phase": "plan", "activity": "thinking", "progress": 40, "pending_task_ids": ["t1"],
        "last_heartbeat": heard,
    }  # fmt: skip
    await nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(said))

    async def updated() -> dict[str, object]:
        status = body(await http.get(f"/contracts/{contract}/supervisor/status"))
        return status if status["progress"] == 40 else {}

    status = await eventually(updated)
    assert {
        "state": "waiting_for_tasks",
        "activity": "thinking",
        "current_activity": "thinking",
        "last_heartbeat": heard,
    }.items() <= status.items()
    assert body(await http.get(f"/contracts/{contract}"))["last_activity_at"] == heard
    assert (await items(http, "/contracts"))[0]["last_activity_at"] == heard


@pytest.mark.parametrize("rival", [False, True])
async def test_a_sync_without_a_new_heartbeat_is_none_whatever_the_recorder_answers(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client, monkeypatch: pytest.MonkeyPatch, *, rival: bool
) -> None:
    """The recorder is away, or answers about another supervisor of the contract."""
    monkeypatch.setattr(supervisor_heartbeats, "SYNC_SECONDS", 0.3)
    contract = await supervised(gateways, http)
    heard, progress = datetime.now(UTC) + timedelta(seconds=1), 40

    async def beat() -> None:
        said = {
            "contract_id": contract,
            "state": "working",
            "progress": progress,
            "last_heartbeat": rfc3339(heard),
        }
        await nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(said))

    async def about_another(message: Msg) -> None:
        await message.respond(encode_reply({"task_id": "s2", "last_heartbeat": rfc3339(heard)}))

    async def obey(message: Msg) -> None:
        await message.respond(b"{}")
        if progress > 40:
            await beat()

    async def shown() -> bool:
        return body(await http.get(f"/contracts/{contract}/supervisor/status"))["progress"] == 40

    await beat()
    await eventually(shown)
    if rival:
        await nats.subscribe(subjects.command("supervisor_heartbeat", "status"), cb=about_another)
    await nats.subscribe(subjects.daemon_signal("d1", "sync"), cb=obey)
    await confirm_subscriptions(nats)
    assert body(await http.post(f"/contracts/{contract}/supervisor/sync"))["synced"] is False
    monkeypatch.setattr(supervisor_heartbeats, "SYNC_SECONDS", PATIENCE)
    heard, progress = heard + timedelta(seconds=1), 50
    assert body(await http.post(f"/contracts/{contract}/supervisor/sync"))["synced"] is True


async def test_a_supervisor_that_fell_silent_is_dead_until_it_is_heard_again(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await supervised(gateways, http)
    path = f"/contracts/{contract}/supervisor/status"
    await gateways.append(
        "supervisor-s1",
        SupervisorStateChanged(
            contract, "d1", "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
        ),
    )

    async def dead() -> bool:
        return (await http.get(path)).status_code == 503

    await eventually(dead)
    problem = await refused(http.get(path), 503, "SUPERVISOR_DEAD")
    assert {
        "task_id": "s1",
        "state": "interrupted",
        "alive": False,
        "phase": "plan",
    }.items() <= problem.items()
    await gateways.append(
        "supervisor-s1",
        SupervisorStateChanged(contract, "d1", "k1", INTERRUPTED, WORKING, "plan", "heartbeat"),
    )

    async def alive() -> bool:
        return (await http.get(path)).status_code == 200

    await eventually(alive)


async def test_a_contract_with_a_live_supervisor_has_activity(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await supervised(gateways, http)

    async def started() -> bool:  # by its owner, because the supervisor was heard
        return body(await http.get(f"/contracts/{contract}"))["status"] == "active"

    await eventually(started)
    assert await items(http, "/contracts", threshold="0s") == []
    await gateways.append(
        "supervisor-s1",
        SupervisorStateChanged(
            contract, "d1", "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
        ),
    )

    async def found() -> bool:
        return len(await items(http, "/contracts", threshold="0s")) == 1

    await eventually(found)


async def test_a_restart_is_asked_of_the_daemon_that_runs_the_supervisor(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    heard: list[object] = []

    async def hear(message: Msg) -> None:
        heard.append(orjson.loads(message.data))
        await message.respond(b"{}")

    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        contract, path = await supervised(gateways, http), "supervisor/restart"
        await gateways.append("daemon-d1", DaemonConnected("one"))
        unheard = {"Idempotency-Key": "restart"}
        await refused(http.post(f"/contracts/{contract}/{path}", headers=unheard), 503, "UNAVAILABLE")
        listening = await nats.subscribe(subjects.daemon_signal("d1", "restart"), cb=hear)
        await confirm_subscriptions(nats)
        for number in (1, 2):
            answer = await http.post(
                f"/contracts/{contract}/{path}",
                json={"reason": "hangs"},
                headers={"Idempotency-Key": "again"},
            )
            assert (answer.status_code, body(answer)) == (
                202,
                {"task_id": "s1", "daemon_id": "d1", "reason": "hangs"},
            )
            assert (
                heard
                == [{"contract_id": contract, "task_id": "s1", "connection_id": "k1", "reason": "hangs"}]
                * number
            )
        assert (await http.post(f"/contracts/{contract}/{path}", headers=unheard)).status_code == 202
        requested = [event.type for event in await gateways.log.stream("default", "supervisor-s1")]
        assert requested == ["SupervisorRegistered", *["SupervisorRestartRequested"] * 2], (
            "a repeat asks for no restart more"
        )
        await listening.unsubscribe()


async def test_a_disconnected_daemon_is_asked_for_nothing(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        contract = await supervised(gateways, http)
        await gateways.append("daemon-d1", DaemonConnected("one"))
        await gateways.append("daemon-d1", DaemonDisconnected(EVIDENCE))
        problem = await refused(http.post(f"/contracts/{contract}/supervisor/restart"), 503, "UNAVAILABLE")
        assert "d1" in str(problem["detail"])
        assert len(await gateways.log.stream("default", "supervisor-s1")) == 1
        other = str((await created(http))["id"])
        await refused(http.post(f"/contracts/{other}/supervisor/restart"), 404, "SUPERVISOR_NOT_FOUND")
        await refused(http.post("/contracts/nobody/supervisor/restart"), 404, "CONTRACT_NOT_FOUND")
