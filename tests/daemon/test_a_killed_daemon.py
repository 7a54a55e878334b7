"""A daemon that is killed leaves its agents at work; the next one finds them, and nothing runs twice."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress

import psutil
import pytest
from makima_daemon.state_file import StateFile
from makima_kernel.testing import PATIENCE

from tests.daemon.machine import Machine, command, daemon_process, kill

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("killed daemon")]


async def test_a_killed_daemon_finds_its_agents_again_and_a_drained_one_ends_them(machine: Machine) -> None:
    async with daemon_process(machine) as (first, _):
        assert [each["event"] for each in machine.log_events()] == ["daemon.ready"], "also without an agent"
        contract = await machine.started("steady")
        await machine.until(contract, "steady", "ready")
        pid = await machine.one_process(contract)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert psutil.pid_exists(pid)
    async with daemon_process(machine) as (second, ready):
        assert ready["agents"] == [f"{contract}:steady"]
        await machine.started("steady", contract)  # asked again: it runs
        assert await machine.one_process(contract) == pid
        kill(pid)  # and it is watched
        await machine.until(contract, "steady", "ready", "restarting", "ready")
        assert await machine.one_process(contract, other_than=pid) != pid
        second.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await second.wait() == 0
    assert machine.processes(contract) == []
    await machine.until(contract, "steady", "ready", "restarting", "ready", "offline")
    events = [each["event"] for each in machine.log_events()]
    assert {"daemon.ready", "agent.started", "agent.adopted", "agent.restarting", "daemon.ended"} <= set(
        events
    )


@pytest.mark.parametrize("lost", [False, True], ids=["with its state", "without its state"])
async def test_what_a_daemon_did_not_note_before_it_was_killed_is_found_by_its_environment(
    machine: Machine, lost: bool
) -> None:
    contract = await machine.contract()
    older = await asyncio.create_subprocess_exec(
        "sleep", "300", env=agent_env(machine, contract, "k0"), start_new_session=True
    )
    process = await asyncio.create_subprocess_exec(
        *command("steady"),
        env=agent_env(machine, contract, "k1"),
        cwd=machine.folder.parent,
        start_new_session=True,
    )
    with suppress(ProcessLookupError):
        if not lost:
            note(machine, contract, "k1")
        async with machine.daemon() as ready:
            assert ready.agents == (f"{contract}:steady",)
            assert await ended(older) == -signal.SIGKILL
            assert await machine.one_process(contract) == process.pid
        assert await ended(process) == -signal.SIGTERM


async def test_what_a_person_started_with_the_socket_of_the_daemon_is_left_alone(machine: Machine) -> None:
    """As `makima run` in a terminal whose hooks shall reach the daemon."""
    contract = await machine.contract()
    env = agent_env(machine, contract, "k1")
    del env["MAKIMA_DAEMON"]
    persons = await asyncio.create_subprocess_exec("sleep", "300", env=env, start_new_session=True)
    async with machine.daemon() as ready:
        assert ready.agents == ()
    persons.terminate()
    assert await ended(persons) == -signal.SIGTERM  # neither ended nor adopted


async def test_an_agent_that_ended_while_no_daemon_ran_has_crashed_and_comes_back(machine: Machine) -> None:
    contract = await machine.contract()
    note(machine, contract, "k1", pid=2**22 + 1, started="long ago")
    async with machine.daemon():
        await machine.until(contract, "steady", "restarting", "ready")


async def test_an_unreadable_state_is_kept_aside(machine: Machine) -> None:
    machine.workspace.state.write_text("{")
    async with machine.daemon() as ready:
        assert ready.agents == ()
    assert machine.workspace.state.with_suffix(".broken.json").read_text() == "{"


async def ended(process: Process) -> int:
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


def agent_env(machine: Machine, contract: str, connection: str) -> dict[str, str]:
    return {
        "MAKIMA_URL": machine.connection.url,
        "MAKIMA_TOKEN": str(machine.connection.token),
        "MAKIMA_CONTRACT": contract,
        "MAKIMA_ROLE": "steady",
        "MAKIMA_CONNECTION_ID": connection,
        "MAKIMA_DAEMON": machine.daemon_id,
        "MAKIMA_DAEMON_SOCKET": str(machine.workspace.socket),
        "PATH": os.environ["PATH"],
    }


def note(machine: Machine, contract: str, connection: str, **members: object) -> None:
    record = {"contract_id": contract, "role": "steady", "connections": [connection], **members}
    machine.workspace.state.write_text(json.dumps([record]))
    records, broken = StateFile(machine.workspace.state).load()
    assert (len(records), broken) == (1, None)
