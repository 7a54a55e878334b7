"""Daemons over HTTP: what the log and their last heartbeat say, and a heartbeat sent by HTTP."""

import httpx
import msgspec
import orjson
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, DaemonHeartbeat
from makima_schemas.times import rfc3339
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client

from tests.services.gateway.api.supervised_contract import is_known
from tests.services.gateway.harness import Gateways, body, created, items, listed, refused
from tests.services.gateway.sender_samples import EVIDENCE, NOW
from tests.services.supervisor_heartbeat.harness import supervisor_beat


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
        assert await is_known(http, contract)


def _plain(beat: object) -> object:

    return msgspec.to_builtins(beat)
