"""Supervisors and daemons over HTTP: what the log says of them, what their last heartbeat said, and a
heartbeat sent by HTTP.
"""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import orjson
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.evidence import Arrival
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, DaemonHeartbeat
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from makima_schemas.times import rfc3339
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.harness import Gateways, body, created, items, listed, refused
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, NOW, WORKING
from tests.services.supervisor_heartbeat.harness import supervisor_beat


async def supervised(gateways: Gateways, http: httpx.AsyncClient) -> str:
    """A contract whose supervisor s1 was heard once."""
    contract = str((await created(http))["id"])
    await gateways.append(
        "supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan", Arrival("e", 1, NOW))
    )
    await eventually(lambda: _known(http, contract))
    return contract


async def _known(http: httpx.AsyncClient, contract: str) -> bool:
    return (await http.get(f"/contracts/{contract}/supervisor/status")).status_code != 404


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


async def test_daemons_are_listed_and_shown(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    await gateways.append("daemon-d2", DaemonConnected("two"))
    await gateways.append("daemon-d1", DaemonConnected("one"))
    await gateways.append("daemon-d2", DaemonDisconnected(EVIDENCE))
    await nats.publish(
        subjects.state("daemon", "d1"),
        orjson.dumps({"agents": ["a"], "worktrees": 2, "capacity": 3, "last_heartbeat": rfc3339(NOW)}),
    )

    async def shown() -> bool:
        return [
            (item["id"], item["connected"], item["capacity"]) for item in await items(http, "/daemons")
        ] == [
            ("d1", True, 3),
            ("d2", False, 0),
        ]

    await eventually(shown)
    one = body(await http.get("/daemons/d1"))
    assert one == {
        "id": "d1", "hostname": "one", "connected": True, "last_heartbeat": rfc3339(NOW), "agents": ["a"], "worktrees": 2, "capacity": 3,
    }  # fmt: skip
    assert body(await http.get("/daemons/d2"))["hostname"] == "two"
    page = body(await http.get("/daemons", params={"limit": 1}))
    assert [item["id"] for item in await items(http, "/daemons", cursor=page["next_cursor"])] == ["d2"]
    await refused(http.get("/daemons/d3"), 404, "DAEMON_NOT_FOUND")


async def test_a_heartbeat_that_its_recorder_would_set_aside_is_refused(
    http: httpx.AsyncClient, nats: Client
) -> None:
    for taken in (
        {"hostname": "h" * 255},
        {"hostname": "h", "agents": ["a" * 255] * 128},
        {"hostname": "h", "worktrees": 1_000_000, "capacity": 1_000_000},
    ):
        assert (await http.post("/daemons/d1/heartbeat", json=taken)).status_code == 200, taken
    stream = await nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
    assert stream.state.last_seq == 3
    for sequence in (1, 2, 3):
        stored = await nats.jetstream().get_msg(subjects.HEARTBEATS_STREAM, sequence)
        assert msgspec.json.decode(stored.data or b"", type=DaemonHeartbeat).daemon_id == "d1"
    for unfit in (
        {"hostname": "h" * 256},
        {"hostname": "h", "agents": ["a"] * 129},
        {"hostname": "h", "agents": ["a" * 256]},
        {"hostname": "h", "worktrees": 1_000_001},
        {"hostname": "h", "capacity": -1},
    ):
        await refused(http.post("/daemons/d1/heartbeat", json=unfit), 422, "INVALID_REQUEST")
    large = {"hostname": "h", "agents": ["ä" * 255] * 128}
    problem = await refused(http.post("/daemons/d1/heartbeat", json=large), 413, "PAYLOAD_TOO_LARGE")
    assert problem["limit"] == MAX_HEARTBEAT_BYTES
    assert (await nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq == 3


async def test_heartbeats_go_their_way_and_are_found_again(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        beat = supervisor_beat("s1", contract_id=contract, progress=10, current_activity="thinking")
        await nats.jetstream().publish(subjects.supervisor_heartbeat("d1", "s1"), orjson.dumps(_plain(beat)))

        async def recorded() -> list[dict[str, object]]:
            return listed(body(await http.get(f"/contracts/{contract}/supervisor/heartbeats"))["heartbeats"])

        await eventually(recorded)
        heartbeats = await recorded()
        assert {
            "state": "working",
            "activity": "thinking",
            "progress": 10,
            "phase": "plan",
        }.items() <= heartbeats[0].items()
        sent = body(
            await http.post(
                "/daemons/d9/heartbeat",
                json={"hostname": "nine", "agents": ["s1"], "worktrees": 1, "capacity": 4},
            )
        )
        assert {"id": "d9", "hostname": "nine", "connected": True, "capacity": 4}.items() <= sent.items()

        async def registered() -> bool:
            return (await http.get("/daemons/d9")).status_code == 200

        await eventually(registered)
        assert await _known(http, contract)


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
        await nats.flush()
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


def _plain(beat: object) -> object:

    return msgspec.to_builtins(beat)
