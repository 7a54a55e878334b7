"""The daemon runs real processes before real services: what crashes comes back, what leaves stays away, and nothing
runs twice.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace

import httpx
import psutil
import pytest
from makima_daemon.restart_policy import RestartPolicy
from makima_kernel.testing import PATIENCE, eventually

from tests.daemon.machine import QUICK, Machine, kill
from tests.services.gateway.harness import ADMIN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


async def test_a_crashed_agent_is_restarting_and_ready_again(machine: Machine) -> None:
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        first = await machine.one_process(contract)
        before = machine.environment(contract)
        kill(first)
        await machine.until(contract, "steady", "ready", "restarting", "ready")
        await machine.one_process(contract, other_than=first)
        after = machine.environment(contract)
        assert after["MAKIMA_CONNECTION_ID"] != before["MAKIMA_CONNECTION_ID"]
        assert after["MAKIMA_TOKEN"] != before["MAKIMA_TOKEN"]


async def test_one_that_always_fails_is_dead_failed_revive_and_a_person_revives_it(machine: Machine) -> None:
    role = "fails-once-mended"
    async with machine.daemon():
        contract = await machine.started(role)
        await machine.until(contract, role, "restarting", "dead_failed_revive")
        output = machine.workspace.agent_log(contract, role).read_text()
        assert output.count(role) == 4  # once, and three restarts
        told = [getattr(each, "restarts", None) for each in await machine.events(contract, role)]
        assert [(each.attempts, each.of) for each in told if each is not None] == [(1, 3), (2, 3), (3, 3)]

        async def no_more() -> bool:
            shown = await machine.gateways.clients[0].get(f"/contracts/{contract}/agents/{role}")
            return shown.json()["restarts"] == {"attempts": 3, "of": 3, "next_at": None}

        await eventually(no_more)
        again = await machine.say("start", contract_id=contract, role=role)
        assert again["accepted"] is False
        assert "failed after every restart" in str(again["reason"])
        (machine.folder / "worktrees" / contract / "mended").touch()
        answer = await machine.gateways.clients[0].post(
            f"/contracts/{contract}/agents/{role}/restart", json={"reason": "mended"}
        )
        assert answer.status_code == 202, answer.text
        await machine.until(contract, role, "restarting", "dead_failed_revive", "restarting", "ready")
        await machine.one_process(contract)


async def test_one_that_was_healthy_before_each_crash_is_never_given_up(machine: Machine) -> None:
    """A process of any age is healthy here; by default it is after ten minutes."""
    async with machine.daemon(replace(QUICK, policy=RestartPolicy((0.01, 0.02, 0.03), healthy=0.0))):
        contract = await machine.started("fails")
        output = machine.workspace.agent_log(contract, "fails")
        await eventually(lambda: output.exists() and output.read_text().count("fails") > 6)
        told = [getattr(each, "restarts", None) for each in await machine.events(contract, "fails")]
        assert {each.attempts for each in told if each is not None} == {1}
        assert await machine.statuses(contract, "fails") == ["restarting"]


async def test_one_that_always_failed_is_forgotten_when_its_contract_is_cleaned_up(machine: Machine) -> None:
    """It stayed in the daemon's records for ever, one more for each contract."""
    async with machine.daemon():
        contract = await machine.started("fails")
        await machine.until(contract, "fails", "restarting", "dead_failed_revive")
        await machine.say("cleanup_worktrees", contract_id=contract)
        await machine.until(contract, "fails", "restarting", "dead_failed_revive", "offline")
        await eventually(lambda: json.loads(machine.workspace.state.read_text()) == [])


@pytest.mark.parametrize("role", ["leaves", "finishes"])
async def test_an_intentional_end_is_no_crash(machine: Machine, role: str) -> None:
    async with machine.daemon():
        contract = await machine.started(role)
        await machine.until(contract, role, "ready", "offline")
        await eventually(lambda: machine.processes(contract) == [])

        async def free() -> bool:
            answer = await machine.gateways.clients[0].get(f"/daemons/{machine.daemon_id}")
            assert (answer.json()["capacity"], answer.json()["agents"]) == (machine.capacity, []), answer.text
            return True

        await eventually(free)


async def test_a_restart_that_a_person_asks_for_replaces_the_process(machine: Machine) -> None:
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        first = await machine.one_process(contract)
        asking = (
            "agent",
            "restart",
            "--contract",
            contract,
            "--role",
            "steady",
            "--reason",
            "it loops",
            "--format",
            "json",
        )
        environ = {
            "MAKIMA_URL": machine.connection.url,
            "MAKIMA_TOKEN": ADMIN,
            "HOME": str(machine.folder.parent),
        }
        makima = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "makima_cli.main", *asking, env=environ, stdout=PIPE, stderr=PIPE
        )
        out, err = await asyncio.wait_for(makima.communicate(), PATIENCE)
        assert (makima.returncode, err) == (0, b"")
        assert json.loads(out)["role"] == "steady"
        await machine.until(contract, "steady", "ready", "restarting", "ready")
        await machine.one_process(contract, other_than=first)
        assert not psutil.pid_exists(first)
        reasons = [getattr(each, "reason", None) for each in await machine.events(contract, "steady")]
        assert "it loops" in reasons, reasons


async def test_a_superseded_process_ends_at_once_and_is_not_restarted(machine: Machine) -> None:
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        pid = await machine.one_process(contract)
        await machine.say("superseded", contract_id=contract, role="steady", connection_id="another")
        assert psutil.pid_exists(pid)
        connection = machine.environment(contract)["MAKIMA_CONNECTION_ID"]
        await machine.say("superseded", contract_id=contract, role="steady", connection_id=connection)
        await eventually(lambda: machine.processes(contract) == [])
        assert await machine.say("start", contract_id=contract, role="steady") == {"accepted": True}
        await machine.one_process(contract, other_than=pid)


async def test_start_is_idempotent_and_refused_with_a_reason(machine: Machine) -> None:
    machine.capacity = 1
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        pid = await machine.one_process(contract)
        await machine.started("steady", contract)
        assert await machine.one_process(contract) == pid
        for body, reason in (
            ({"role": "finishes"}, "its capacity of 1 agents is used up"),
            ({"role": "unknown"}, "it has no command for role unknown"),
            ({"role": "../up"}, "it names no role"),
            ({}, "it names no role"),
        ):
            refused = await machine.say("start", contract_id=contract, **body)
            assert refused == {"accepted": False, "reason": reason}


async def test_the_daemons_token_is_in_no_agents_environment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = str(machine.connection.token)
    for name, value in {
        "MAKIMA_TOKEN": token, "MAKIMA_NATS_URL": f"nats://d:{token}@h", "MAKIMA_TOKEN_FILE": "/somewhere",
        "CURL_OPTIONS": f"-H 'Authorization: Bearer {token}'", "LANG_OF_MINE": "de",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    machine.env = {"MODEL": "large"}
    async with machine.daemon() as ready:
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        seen = machine.environment(contract)
        assert not [name for name, value in seen.items() if token in value]
        assert {name for name in seen if name.startswith("MAKIMA_")} == {
            "MAKIMA_URL", "MAKIMA_TOKEN", "MAKIMA_CONTRACT", "MAKIMA_ROLE", "MAKIMA_CONNECTION_ID", "MAKIMA_DAEMON",
            "MAKIMA_DAEMON_SOCKET",
        }  # fmt: skip
        assert (seen["LANG_OF_MINE"], seen["MODEL"]) == ("de", "large")
        assert seen["MAKIMA_DAEMON_SOCKET"] == ready.socket
        for path in machine.folder.rglob("*"):
            assert path.is_dir() or path.is_socket() or token not in path.read_text(errors="replace"), path
        agent = httpx.AsyncClient(headers={"Authorization": f"Bearer {seen['MAKIMA_TOKEN']}"})
        async with agent:
            url = f"{machine.connection.url}/api/v1"
            assert (await agent.get(f"{url}/contracts/{contract}")).status_code == 200
            assert (
                await agent.post(f"{url}/daemons/{machine.daemon_id}/heartbeat", json={})
            ).status_code in {403, 404}


async def test_what_an_agent_started_ends_with_it(machine: Machine) -> None:
    machine.commands["steady"] = ("sh", "-c", "sleep 300 & sleep 300 & wait")
    async with machine.daemon():
        contract = await machine.started("steady")
        await eventually(lambda: len(machine.processes(contract)) == 3)
        leader = next(each for each in machine.processes(contract) if os.getpgid(each.pid) == each.pid)
        kill(leader.pid)
        await eventually(lambda: leader.pid not in [each.pid for each in machine.processes(contract)])
        await eventually(lambda: len(machine.processes(contract)) == 3)
    assert machine.processes(contract) == []


async def test_a_drained_daemon_ends_its_agents_and_says_so(machine: Machine) -> None:
    machine.commands["deaf"] = ("sh", "-c", "trap '' TERM; while true; do sleep 0.05; done")
    async with machine.daemon():
        contract = await machine.started("steady")
        await machine.started("deaf", contract)
        await machine.until(contract, "steady", "ready")
        await eventually(lambda: len(machine.processes(contract)) >= 2)
    assert machine.processes(contract) == []
    await machine.until(contract, "steady", "ready", "offline")

    async def told() -> bool:
        answer = await machine.gateways.clients[0].get(f"/daemons/{machine.daemon_id}")
        return (answer.json()["agents"], answer.json()["capacity"]) == ([], 0)

    await eventually(told)


async def test_worktrees_are_counted_and_removed_when_asked(machine: Machine) -> None:
    async with machine.daemon():
        contract = await machine.started("finishes")
        await machine.until(contract, "finishes", "ready", "offline")

        async def counted(number: int) -> bool:
            answer = await machine.gateways.clients[0].get(f"/daemons/{machine.daemon_id}")
            return answer.json()["worktrees"] == number

        async def kept() -> bool:
            """Why: first because its agent, which has left by the log, may be about to end."""
            answer = await machine.say("cleanup_worktrees", contract_id=contract)
            assert (answer["removed"], answer["kept"]) == (0, 1)
            return "it has files" in str(answer["reason"])

        await eventually(lambda: counted(1))
        await eventually(kept)
        (machine.folder / "worktrees" / contract / "environment.json").unlink()
        assert await machine.say("cleanup_worktrees", contract_id=contract) == {"removed": 1}
        await eventually(lambda: counted(0))
