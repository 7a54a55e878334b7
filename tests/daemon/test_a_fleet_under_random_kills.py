"""A fleet whose agents are killed at random: each crash is told and healed, one that cannot live is given up, and no
task is lost or done twice.
"""

import random
import sys
import time
from pathlib import Path

import pytest
from makima_daemon.app import Pace
from makima_daemon.restart_policy import RestartPolicy
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.identity import agent_id

from tests.daemon.machine import Machine, command, kill
from tests.services.gateway.harness import act, items

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]
WORKER = (sys.executable, str(Path(__file__).parent.parent.parent / "examples" / "script.py"))
AGENTS, KILLS, TASKS = 2, 3, 4
# What has lived for a second is healthy here, so that the kills of one test are no crash in a row.
LIVELY = Pace(RestartPolicy((0.01, 0.02, 0.03), healthy=1.0), grace=2.0, interval=1.0)
TOLD_WITHIN_SECONDS = 2.0


async def test_a_fleet_killed_at_random_loses_no_task_and_does_none_twice(machine: Machine) -> None:
    chance = random.Random(20260131)
    roles = tuple(f"worker-{number}" for number in range(AGENTS))
    machine.commands = {**dict.fromkeys(roles, WORKER), "fails": command("fails")}
    async with machine.daemon(LIVELY):
        contract = await machine.contract()
        http = machine.gateways.clients[0]
        await act(http, contract, "start")
        for role in (*roles, "fails"):
            await machine.started(role, contract)
        await eventually(lambda: len(_pids(machine, contract)) == AGENTS)
        for number in range(KILLS):
            for role in roles:
                await machine.gateways.clients[0].post(
                    f"/contracts/{contract}/tasks", json={"name": f"{role} {number}", "role": role}
                )
            role = chance.choice(roles)
            await _killed(machine, contract, role)

        async def all_done() -> bool:
            tasks = await items(http, f"/contracts/{contract}/tasks")
            assert len(tasks) == KILLS * AGENTS
            assert {task["status"] for task in tasks} == {"completed"}, tasks
            return True

        await eventually(all_done)
        completed = [
            event for event in await machine.gateways.log.stream("default", f"contract-{contract}")
            if event.type == "TaskCompleted"
        ]  # fmt: skip
        assert len(completed) == KILLS * AGENTS
        await machine.until(contract, "fails", "restarting", "dead_failed_revive")


def _pids(machine: Machine, contract: str) -> dict[str, int]:
    return {each.environ()["MAKIMA_ROLE"]: each.pid for each in machine.processes(contract)}


async def _killed(machine: Machine, contract: str, role: str) -> None:
    """Told as `restarting` in time, and ready again under another connection."""

    async def joined() -> bool:
        events = await machine.events(contract, role)
        return (
            bool(events)
            and isinstance(events[-1], AgentJoined | AgentStatusChanged)
            and (events[-1].new_status.value in {"ready", "working"})
        )

    await eventually(joined)
    before = len(await machine.events(contract, role))
    killed_at = time.time()
    kill(_pids(machine, contract)[role])

    async def told() -> float:
        stream = f"agent-{agent_id(contract, role)}"
        recorded = await machine.gateways.log.stream("default", stream)
        crash = [
            each.recorded_at.timestamp()
            for each, event in zip(recorded, await machine.events(contract, role), strict=False)
            if isinstance(event, AgentStatusChanged) and event.new_status.value == "restarting"
        ]
        return next((at for at in crash if at >= killed_at), 0.0)

    assert await eventually(told) - killed_at < TOLD_WITHIN_SECONDS
    assert len(await machine.events(contract, role)) > before
    await eventually(joined)
