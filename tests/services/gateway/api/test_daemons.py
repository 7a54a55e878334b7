"""Daemons over HTTP: what the log and their last heartbeat say, and a heartbeat sent by HTTP."""

import httpx
import msgspec
import orjson
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES
from makima_schemas.heartbeat_reader import read_daemon
from makima_schemas.times import rfc3339
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client

from tests.services.gateway.api.supervised_contract import is_known
from tests.services.gateway.harness import Gateways, body, created, items, listed, refused
from tests.services.gateway.sender_samples import EVIDENCE, NOW
from tests.services.supervisor_heartbeat.harness import supervisor_beat

JSON = {"Content-Type": "application/json"}


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


UNFIT: dict[str, tuple[bytes, dict[str, object]]] = {
    "long texts": (
        orjson.dumps({"hostname": "h" * 256, "agents": ["a" * 256] * 129}),
        {"hostname": "h" * 255, "agents": ["a" * 255] * 128},
    ),
    "numbers out of bounds": (
        b'{"hostname": "h", "worktrees": 1000001, "capacity": -1}',
        {"worktrees": 1_000_000, "capacity": 0},
    ),
    "a fraction and not a number": (
        b'{"hostname": "h", "worktrees": 2.0, "capacity": NaN}',
        {"worktrees": 2, "capacity": 0},
    ),
    "NUL and half a character": (
        b'{"hostname": "a\\u0000b", "agents": ["\\ud800"]}',
        {"hostname": "a\ufffdb", "agents": ["\ufffd"]},
    ),
    "bytes that are no text": (b'{"hostname": "\xff"}', {"hostname": "\ufffd"}),
    "other kinds": (
        b'{"hostname": 7, "agents": "all", "seq": -1, "timestamp": "today"}',
        {"hostname": "d1", "agents": []},
    ),
    "no hostname": (b"{}", {"hostname": "d1"}),
}


async def test_a_daemon_by_http_with_an_unfit_heartbeat_lives(http: httpx.AsyncClient, nats: Client) -> None:
    """It was refused with 422, and then declared disconnected. What is published is what was sent, so that the
    recorder cuts and counts it, as that of a daemon on the bus.
    """
    fits = {"hostname": "h", "daemon_id": "d1", "seq": 3, "timestamp": "2026-01-01T00:00:00Z", "unknown": 1}
    assert (await http.post("/daemons/d1/heartbeat", json=fits)).status_code == 200
    for sequence, (sent, shown) in enumerate(UNFIT.values(), 2):
        answer = await http.post("/daemons/d1/heartbeat", content=sent, headers=JSON)
        assert (answer.status_code, {"id": "d1", **shown}.items() <= body(answer).items()) == (200, True), (
            sent
        )
        stored = await nats.jetstream().get_msg(subjects.HEARTBEATS_STREAM, sequence)
        heartbeat, reason = read_daemon("d1", stored.data or b"", None)
        assert heartbeat.hostname == body(answer)["hostname"]
        assert reason is not None, sent
        assert heartbeat.seq >= 0


async def test_who_sends_a_heartbeat_is_never_guessed(http: httpx.AsyncClient, nats: Client) -> None:
    for sent in (
        b'{"daemon_id": "d2", "hostname": "h"}',
        b'{"daemon_id": 1}',
        b"[]",
        b"7",
        b"{",
        b"[" * 5000,
    ):
        answer = http.post("/daemons/d1/heartbeat", content=sent, headers=JSON)
        problem = await refused(answer, 422, "INVALID_REQUEST")
        assert problem["errors"]
    for large in ({"hostname": "h", "agents": ["ä" * 255] * 128}, {"unknown": "x" * MAX_HEARTBEAT_BYTES}):
        problem = await refused(http.post("/daemons/d1/heartbeat", json=large), 413, "PAYLOAD_TOO_LARGE")
        assert problem["limit"] == MAX_HEARTBEAT_BYTES
    assert (await nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq == 0


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
