"""A daemon that only its supervisors named is registered, and not connected: nowhere, and after no restart. Nothing is
asked of it, and what is refused leaves no event.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import httpx
import msgspec
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.commands import Problem, encode_reply
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.api.supervised_contract import is_known
from tests.services.gateway.harness import Gateways, body, created, items, refused, running
from tests.services.supervisor_heartbeat.harness import supervisor_beat

REFUSAL = encode_reply(Problem(ErrorCode.OVERLOADED, "no room", "later"))


@asynccontextmanager
async def asked(nats: Client, answer: bytes) -> AsyncGenerator[Sequence[str]]:
    """The signals that daemons got, each answered so."""
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        heard.append(message.subject)
        if message.reply:
            await message.respond(answer)

    subscription = await nats.subscribe("makima.signals.>", cb=hear)
    await confirm_subscriptions(nats)
    yield heard
    await subscription.unsubscribe()


async def supervise(nats: Client, contract: str) -> None:
    beat = supervisor_beat("s1", contract_id=contract)
    await nats.jetstream().publish(subjects.supervisor_heartbeat("d1", "s1"), msgspec.json.encode(beat))


async def connected(http: httpx.AsyncClient) -> tuple[object, object, object]:
    """Whether d1 is, where it is shown, where it is listed, and on the dashboard."""
    shown = body(await http.get("/daemons/d1"))
    [listed] = await items(http, "/daemons")
    usage = body(await http.get("/contracts/dashboard"))["resourceUsage"]
    active = cast("dict[str, object]", usage)["activeDaemons"]
    return shown["connected"], listed["connected"], active


async def is_listed(http: httpx.AsyncClient) -> bool:
    """The supervisor's event names the daemon; the daemon's own comes after it."""
    return bool(await items(http, "/daemons"))


async def events(gateways: Gateways, stream: str) -> list[str]:
    return [each.type for each in await gateways.log.stream("default", stream)]


async def test_a_ghost_is_connected_nowhere_and_is_asked_for_nothing(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, admitting=True) as gateways, asked(nats, b"{}") as heard:
        http = gateways.clients[0]
        contract = str((await created(http))["id"])
        await supervise(nats, contract)
        await eventually(lambda: is_known(http, contract))
        await eventually(lambda: is_listed(http))
        assert await connected(http) == (False, False, 0)
        problem = await refused(http.post(f"/contracts/{contract}/supervisor/restart"), 503, "UNAVAILABLE")
        assert "d1" in str(problem["detail"])
        answer = body(await http.get(f"/contracts/{contract}/health"))
        assert answer["verdict"] == "healthy", "its supervisor lives"
        assert "DAEMON_UNHEARD" in str(answer["reasons"])
        assert heard == []
    async with running(settings, pool, nats, admitting=True) as gateways, asked(nats, b"{}") as heard:
        http = gateways.clients[0]
        await supervise(nats, contract)
        assert await connected(http) == (False, False, 0), "also after a restart"
        await refused(http.post(f"/contracts/{contract}/supervisor/restart"), 503, "UNAVAILABLE")
        assert heard == []
        assert await events(gateways, "daemon-d1") == ["DaemonConnected"], "its registration, without a host"
        assert await events(gateways, "supervisor-s1") == ["SupervisorRegistered"]


async def test_its_own_heartbeat_connects_it_and_what_it_refuses_is_no_event(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, admitting=True) as gateways:
        http = gateways.clients[0]
        contract = str((await created(http))["id"])
        await supervise(nats, contract)
        await eventually(lambda: is_known(http, contract))
        answer = await http.post("/daemons/d1/heartbeat", json={"hostname": "one"})
        assert answer.status_code == 200

        async def known() -> bool:
            return await connected(http) == (True, True, 1)

        await eventually(known)
        path = f"/contracts/{contract}/supervisor/restart"
        await refused(http.post(path), 503, "UNAVAILABLE")
        async with asked(nats, REFUSAL) as heard:
            await refused(http.post(path), 503, "OVERLOADED")
            assert heard == [subjects.daemon_signal("d1", "restart")]
        assert await events(gateways, "supervisor-s1") == ["SupervisorRegistered"]
        async with asked(nats, b"{}"):
            assert (await http.post(path)).status_code == 202
        assert await events(gateways, "supervisor-s1") == [
            "SupervisorRegistered",
            "SupervisorRestartRequested",
        ]
