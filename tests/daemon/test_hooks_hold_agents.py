"""A coding agent that knows nothing of makima is joined, shown and left by what its hooks say to the daemon."""

import asyncio
import json
import sys

import pytest
from makima_kernel.testing import eventually

from tests.daemon.machine import Machine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


async def hook(machine: Machine, contract: str, **event: object) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
    ids = {"contract_id": contract, "role": "builder", "connection_id": "k1"}
    said = {"op": "hook", **ids, "pids": event.pop("pids", []), "event": event}
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


async def test_a_session_whose_process_ends_without_a_word_is_dead_and_not_alive_for_ever(
    machine: Machine,
) -> None:
    contract = await machine.contract()
    coding_agent = await asyncio.create_subprocess_exec("sleep", "300")
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="SessionStart", pids=[coding_agent.pid])
        await machine.until(contract, "builder", "ready")
        coding_agent.kill()
        await coding_agent.wait()
        await machine.until(contract, "builder", "ready", "dead")


async def test_the_command_that_hooks_run_reaches_the_daemon(machine: Machine) -> None:
    contract = await machine.contract()
    run = "import sys; sys.argv[1:] = ['hook']; from makima_cli.entry import main; main()"
    async with machine.daemon():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            run,
            stdin=asyncio.subprocess.PIPE,
            env={
                "MAKIMA_DAEMON_SOCKET": str(machine.workspace.socket),
                "MAKIMA_CONTRACT": contract,
                "MAKIMA_ROLE": "builder",
            },
        )
        await process.communicate(b'{"hook_event_name": "SessionStart", "session_id": "5f0c"}')
        await machine.until(contract, "builder", "ready")

        async def known() -> bool:
            record = await machine.gateways.clients[0].get(f"/contracts/{contract}/agents/builder")
            return record.json().get("connection_id") == "5f0c"

        await eventually(known)
