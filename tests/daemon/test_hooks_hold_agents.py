"""A coding agent that knows nothing of makima is joined, shown and left by what its hooks say to the daemon."""

import asyncio
import json

import pytest
from makima_kernel.testing import eventually

from tests.daemon.machine import Machine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


async def hook(machine: Machine, contract: str, **event: object) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
    said = {"op": "hook", "contract_id": contract, "role": "builder", "connection_id": "k1", "event": event}
    writer.write(json.dumps(said).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return answer


async def activity(machine: Machine, contract: str) -> str | None:
    answer = await machine.gateways.clients[0].get(f"/contracts/{contract}/agents/builder/heartbeats")
    beats = answer.json().get("heartbeats", [])
    return str(beats[0]["activity"]) if beats else None


async def test_a_session_joins_shows_what_it_does_and_leaves(machine: Machine) -> None:
    contract = await machine.contract()
    async with machine.daemon():
        assert await hook(machine, contract, hook_event_name="SessionStart") == {"ok": True}
        await machine.until(contract, "builder", "ready")
        await hook(
            machine,
            contract,
            hook_event_name="PreToolUse",
            tool_name="Bash",
            tool_input={"command": "make test"},
        )

        async def shown() -> bool:
            found = await activity(machine, contract)
            assert found == "Bash: make", found
            return True

        await eventually(shown)
        assert await hook(machine, contract, hook_event_name="NobodyKnowsThis") == {"ok": True}
        await hook(machine, contract, hook_event_name="SessionEnd", reason="exit")
        await machine.until(contract, "builder", "ready", "offline")


async def test_what_is_no_id_is_refused_and_a_drained_daemon_lets_its_held_agents_leave(
    machine: Machine,
) -> None:
    contract = await machine.contract()
    async with machine.daemon():
        assert (await hook(machine, "../up", hook_event_name="Stop"))["ok"] is False
        await hook(machine, contract, hook_event_name="UserPromptSubmit")
        await machine.until(contract, "builder", "ready")
    await machine.until(contract, "builder", "ready", "offline")
