"""A coding agent that knows nothing of makima is joined, shown and left by what its hooks say to the daemon."""

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import replace

import pytest
from makima_daemon import held_agents
from makima_daemon.hooks import Event
from makima_kernel.testing import PATIENCE, eventually
from makima_sdk.local_socket import LISTED_PIDS

from tests.daemon.hook_calls import hook
from tests.daemon.hook_session import SESSION_ID, one_of_each_kind
from tests.daemon.machine import Machine
from tests.sdk.proxy import Proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


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


async def run_hook(machine: Machine, contract: str, event: Event) -> bytes:
    """What `makima hook` prints, as a coding agent runs it; its exit code is 0."""
    # However late this machine is: a tenth of a second is what is measured elsewhere.
    run = (
        f"import sys; from makima_cli.hook import send; send.HOOK_SECONDS = {PATIENCE}; sys.argv[1:] = ['hook'];"
        "from makima_cli.entry import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        run,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env={
            "MAKIMA_DAEMON_SOCKET": str(machine.workspace.socket),
            "MAKIMA_CONTRACT": contract,
            "MAKIMA_ROLE": "builder",
        },
    )
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(event).encode()), PATIENCE)
    assert process.returncode == 0
    return out


async def test_a_whole_session_through_the_command_that_hooks_run_is_seen_step_by_step(
    machine: Machine,
) -> None:
    contract = await machine.contract()
    shown: str | None = None

    async def is_shown() -> bool:
        return await activity(machine, contract) == shown

    async with machine.daemon():
        for event, effect in one_of_each_kind():
            assert await run_hook(machine, contract, event) == b"", event
            if effect is not None and effect.moves and not effect.leaves:
                shown = effect.activity
                await eventually(is_shown, because=f"{shown} is not shown")
            if event["hook_event_name"] == "SessionStart":
                record = await machine.gateways.clients[0].get(f"/contracts/{contract}/agents/builder")
                assert record.json()["connection_id"] == SESSION_ID
    assert await machine.statuses(contract, "builder") == ["ready", "offline"]


async def test_while_makima_is_away_a_hook_is_answered_at_once_and_the_agent_is_joined_when_it_is_back(
    machine: Machine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_agents, "JOIN_RETRY_SECONDS", 0.05)
    caplog.set_level("INFO", "makima_daemon")
    contract = await machine.contract()
    gateway = Proxy(int(machine.connection.url.rsplit(":", 1)[1]))
    through = replace(machine.connection, url=f"http://127.0.0.1:{gateway.port}")
    async with await gateway.serve(), machine.daemon(connection=through):
        gateway.take_away()
        for event, _ in one_of_each_kind()[:4]:
            assert await run_hook(machine, contract, event) == b""
            asked = await hook(machine, contract, **{**event, "session_id": SESSION_ID})
            assert asked == {"ok": True}
        await eventually(lambda: [each for each in caplog.records if each.message == "hook.not_held"])
        assert await machine.statuses(contract, "builder") == []
        gateway.bring_back()
        await machine.until(contract, "builder", "ready")

        async def shown() -> bool:
            return await activity(machine, contract) == "Edit: app.py — done"

        await eventually(shown, because="the newest event is not shown")
        gateway.cut()
