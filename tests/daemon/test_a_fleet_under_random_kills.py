"""A fleet whose agents are killed at random: each crash is told and healed, one that cannot live is given up, and no
task is lost or done twice.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from makima_daemon.app import Pace
from makima_daemon.restart_policy import RestartPolicy
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.identity import agent_id

from tests.chaos import times
from tests.daemon.machine import Machine, command, kill
from tests.services.gateway.harness import act

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]
WORKER = (sys.executable, str(Path(__file__).parent.parent.parent / "examples" / "script.py"))
# In full, ten agents for five minutes: `make test-long`.
AGENTS, SECONDS = times(10, 2), times(300, 2)
# What has lived for a second is healthy here, so that the kills of one test are no crash in a row.
LIVELY = Pace(RestartPolicy((0.01, 0.02, 0.03), healthy=1.0), grace=2.0, interval=1.0)
TOLD_WITHIN_SECONDS = times(2, 60)  # in full on a machine that has nothing else to do


@pytest.mark.timeout(900)  # in full
async def test_a_fleet_killed_at_random_loses_no_task_and_does_none_twice(
    machine: Machine, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(20260131)
    roles = tuple(f"worker-{number}" for number in range(AGENTS))
    machine.commands = {**dict.fromkeys(roles, WORKER), "fails": command("fails")}
    machine.capacity = AGENTS + 1
    async with machine.daemon(LIVELY):
        contract = await machine.contract()
        http = machine.gateways.clients[0]
        await act(http, contract, "start")
        for role in (*roles, "fails"):
            await machine.started(role, contract)
        await eventually(lambda: len(_pids(machine, contract)) == AGENTS)
        until, asked, told = time.monotonic() + SECONDS, 0, list[float]()
        while time.monotonic() < until:
            for role in roles:
                task = {"name": f"{role} {asked}", "role": role}
                answer = await http.post(f"/contracts/{contract}/tasks", json=task)
                assert answer.status_code == 201, answer.text
                asked += 1
            told.append(await _killed(machine, contract, chance.choice(roles)))
        assert max(told) < TOLD_WITHIN_SECONDS, told

        async def completed() -> list[str]:
            log = await machine.gateways.log.stream("default", f"contract-{contract}")
            found = [orjson.loads(each.data)["task_id"] for each in log if each.type == "TaskCompleted"]
            return found if len(found) >= asked else []

        found = await eventually(completed)
        assert (len(found), len(set(found))) == (asked, asked)
        record_property("kills, tasks, longest until told", (len(told), asked, max(told)))
        await machine.until(contract, "fails", "restarting", "dead_failed_revive")


def _pids(machine: Machine, contract: str) -> dict[str, int]:
    return {each.environ()["MAKIMA_ROLE"]: each.pid for each in machine.processes(contract)}


async def _killed(machine: Machine, contract: str, role: str) -> float:
    """Until it is ready again. After how many seconds its crash was told as `restarting`."""

    async def joined() -> bool:
        events = await machine.events(contract, role)
        return (
            bool(events)
            and isinstance(events[-1], AgentJoined | AgentStatusChanged)
            and (events[-1].new_status.value in {"ready", "working"})
        )

    await eventually(joined)
    killed_at = time.time()
    kill(_pids(machine, contract)[role])

    async def told() -> float:
        """When, in seconds since 1970; 0: not yet."""
        stream = f"agent-{agent_id(contract, role)}"
        recorded = await machine.gateways.log.stream("default", stream)
        crash = [
            each.recorded_at.timestamp()
            for each, event in zip(recorded, await machine.events(contract, role), strict=False)
            if isinstance(event, AgentStatusChanged) and event.new_status.value == "restarting"
        ]
        return next((at for at in crash if at >= killed_at), 0.0)

    told_at = await eventually(told)
    await eventually(joined)
    return told_at - killed_at
