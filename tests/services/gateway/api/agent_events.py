"""Agents as their owner records them, appended past it; their heartbeats and their records by HTTP."""

from collections.abc import Mapping

import httpx
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, body, listed
from tests.services.gateway.sender_samples import EVIDENCE

READY, DEAD = AgentStatus.READY, AgentStatus.DEAD


async def join(
    gateways: Gateways, contract: str, role: str, connection: str = "a1", daemon: str | None = "d1"
) -> int:
    return await gateways.append(f"agent-{contract}:{role}", AgentJoined(contract, role, connection, daemon))


async def leave(gateways: Gateways, contract: str, role: str) -> int:
    return await gateways.append(f"agent-{contract}:{role}", AgentLeft(contract, role, "a1"))


async def become(
    gateways: Gateways,
    contract: str,
    role: str,
    status: AgentStatus,
    trigger: str,
    *,
    old: AgentStatus = READY,
) -> int:
    evidence = EVIDENCE if trigger == "heartbeat_expired" else None
    changed = AgentStatusChanged(contract, role, old, status, trigger, "a1", None, evidence)
    return await gateways.append(f"agent-{contract}:{role}", changed)


async def silent(gateways: Gateways, contract: str, role: str) -> int:
    return await become(gateways, contract, role, DEAD, "heartbeat_expired")


async def get(http: httpx.AsyncClient, path: str, position: int = 0, **query: str) -> dict[str, object]:
    answer = await http.get(path, params=query, headers={"Makima-Min-Position": str(position)})
    assert answer.status_code == 200, answer.text
    return body(answer)


def statuses(shown: dict[str, object]) -> dict[str, object]:
    return {str(each["role"]): each["agent_status"] for each in listed(shown["agents"])}


async def joined(http: httpx.AsyncClient, contract: str, connection: str = "a1", **told: object) -> str:
    """The path of agent `builder`, who has joined over HTTP."""
    path = f"/contracts/{contract}/agents/builder"
    answer = await http.post(f"{path}/join", json={"connection_id": connection, **told})
    assert (answer.status_code, body(answer)["status"]) == (200, "ok"), answer.text
    return path


async def beat(
    http: httpx.AsyncClient,
    contract: str,
    connection: str,
    position: int = 0,
    *,
    told: Mapping[str, object] = {},
) -> str:
    """What is answered; the gateway has read the log up to this position."""
    seen = await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    assert "Makima-Read-Behind" not in seen.headers
    answer = await http.post(
        f"/contracts/{contract}/agents/builder/heartbeat", json={"connection_id": connection, **told}
    )
    assert answer.status_code == 200, answer.text
    assert (body(answer)["interval_seconds"], body(answer)["timeout_seconds"]) == (30.0, 90.0)
    return str(body(answer)["status"])


async def stored(nats: Client) -> tuple[str, bytes] | None:
    """Subject and body of the newest heartbeat."""
    last = (await nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq
    if last == 0:
        return None
    message = await nats.jetstream().get_msg(subjects.HEARTBEATS_STREAM, last)
    return str(message.subject), message.data or b""
