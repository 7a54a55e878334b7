"""A coding agent that knows nothing of makima is joined, shown and left by what its hooks say to the daemon."""

import asyncio
import json
import subprocess
import sys

import pytest
from makima_daemon import held_agents
from makima_kernel.testing import eventually
from makima_sdk.local_socket import LISTED_PIDS

from tests.daemon.machine import Machine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


async def hook(machine: Machine, contract: str, **event: object) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
    ids = {"contract_id": contract, "role": event.pop("role", "builder"), "connection_id": "k1"}
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
    coding_agent = subprocess.Popen(["sleep", "300"])  # noqa: ASYNC220 - asyncio would fetch its exit code at once
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="SessionStart", pids=[coding_agent.pid])
        await machine.until(contract, "builder", "ready")
        coding_agent.kill()
        await machine.until(contract, "builder", "ready", "dead")  # while only its exit code is left
    coding_agent.wait()


async def test_a_hook_fences_no_agent_that_the_daemon_runs(machine: Machine) -> None:
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        answer = await hook(machine, contract, role="steady", hook_event_name="SessionStart")
        assert answer["error"] == "the daemon runs steady of this contract under another connection"
        connection = machine.environment(contract)["MAKIMA_CONNECTION_ID"]
        headers = {"Makima-Min-Position": str(await machine.gateways.log.head())}
        path = f"/contracts/{contract}/agents/steady"
        record = await machine.gateways.clients[0].get(path, headers=headers)
        assert record.json()["connection_id"] == connection


async def test_a_session_that_was_superseded_joins_no_more(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "makima_daemon")
    contract = await machine.contract()
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="SessionStart")
        await machine.until(contract, "builder", "ready")
        newer = await machine.gateways.clients[0].post(
            f"/contracts/{contract}/agents/builder/join", json={"connection_id": "k2"}
        )
        assert newer.status_code == 200, newer.text
        await eventually(lambda: [each for each in caplog.records if each.message == "hook.not_held"])
    (only,) = (each for each in caplog.records if each.message == "hook.not_held")
    assert only.__dict__["makima_fields"]["again"] is False


async def test_no_more_processes_are_looked_up_than_a_hook_lists(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[int] = []

    def shell(pid: int) -> str:
        looked_up.append(pid)
        return "sh"

    monkeypatch.setattr(held_agents, "_name", shell)
    contract = await machine.contract()
    async with machine.daemon():
        await hook(machine, contract, hook_event_name="SessionStart", pids=list(range(2, 5000)))
    assert len(looked_up) == LISTED_PIDS


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
