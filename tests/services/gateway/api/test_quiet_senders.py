"""Who announced to be silent is shown with until when, as long as it is expected to be heard again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_schemas.times import rfc3339

from tests.services.gateway.harness import Gateways, body, created

S = AgentStatus


async def _beats(gateways: Gateways, kind: str, sender: str, heard: datetime, **members: object) -> None:
    """As the recorder publishes it."""
    state = {"last_heartbeat": rfc3339(heard), "activity": "waits", **members}
    await gateways.replicas[0].nats.publish(subjects.state(kind, sender), orjson.dumps(state))


async def _system(http: httpx.AsyncClient) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", body(await http.get("/system")))


async def test_who_announced_silence_is_listed_while_it_is_there_and_its_time_is_not_over(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    heard = datetime.now(UTC).replace(microsecond=0)
    contract = str((await created(http, name="Add login"))["id"])
    await gateways.append(
        f"supervisor-s-{contract}",
        SupervisorRegistered(contract, "d1", "k1", SupervisorState.WORKING, "plan"),
    )
    steps = {
        "builder": (),
        "dead": (AgentStatusChanged(contract, "dead", S.READY, S.DEAD, "heartbeat_expired", "k1"),),
        "left": (AgentLeft(contract, "left", "k1"),),
        "replaced": (AgentJoined(contract, "replaced", "k2", "d1"),),
        "over": (),
        "hours": (),
        "talks": (),
    }
    position = 0
    for role, then in steps.items():
        joined = AgentJoined(contract, role, "k1", "d1")
        position = await gateways.append(f"agent-{contract}:{role}", joined, *then)
        said = {"over": {"quiet_seconds": 0.001}, "hours": {"quiet_seconds": 1e6}, "talks": {}}
        quiet = said.get(role, {"quiet_seconds": 600})
        await _beats(
            gateways, "agent", f"{contract}:{role}", heard, contract_id=contract, connection_id="k1", **quiet
        )
    supervisor = {"contract_id": contract, "connection_id": "k1", "quiet_seconds": 900}
    await _beats(gateways, "supervisor", f"s-{contract}", heard, **supervisor)
    await http.get("/agents", headers={"Makima-Min-Position": str(position)})

    async def three() -> Mapping[str, Any] | None:
        found = await _system(http)
        return found if found["quiet_total"] == 3 else None

    found = await eventually(three)
    assert found is not None
    ends = [("builder", 600), ("supervisor", 900), ("hours", 14_400)]  # at most `quiet_max_seconds`
    assert found["quiet"] == [
        {
            "contract_id": contract,
            "contract_name": "Add login",
            "role": role,
            "daemon_id": "d1",
            "since": rfc3339(heard),
            "until": rfc3339(heard + timedelta(seconds=seconds)),
        }
        for role, seconds in ends
    ]
    path = f"/contracts/{contract}/agents"
    for role, seconds in ends:
        shown = body(await http.get(f"{path}/{role}"))
        until = rfc3339(heard + timedelta(seconds=seconds))
        assert (shown["quiet_until"], shown["ready_until"]) == (until, until)
    for role in ("talks", "replaced"):
        assert body(await http.get(f"{path}/{role}"))["quiet_until"] is None

    await _beats(gateways, "agent", f"{contract}:builder", heard, contract_id=contract, connection_id="k1")

    async def ended() -> bool:
        return [each["role"] for each in (await _system(http))["quiet"]] == ["supervisor", "hours"]

    await eventually(ended)
