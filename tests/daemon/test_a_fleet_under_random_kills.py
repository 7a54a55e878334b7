"""A fleet whose agents are killed at random: each crash is told and healed, one that cannot live is given up, and no
task is lost or done twice.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from makima_daemon.app import Pace
from makima_daemon.restart_policy import RestartPolicy
from makima_daemon.state_file import StateFile
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.identity import agent_id

from tests.chaos import times
from tests.daemon.machine import Machine, command, kill
from tests.lateness import measured
from tests.services.gateway.harness import act

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]
WORKER = (sys.executable, str(Path(__file__).parent / "noting_agents.py"), "worker")
# In full, ten agents for five minutes: `make test-long`.
AGENTS, SECONDS = times(10, 2), times(300, 2)
# What has lived for a second is healthy here, and is killed no sooner, so that the kills of one test are no crashes in
# a row.
HEALTHY_SECONDS = 1.0
LIVELY = Pace(RestartPolicy((0.01, 0.02, 0.03), healthy=HEALTHY_SECONDS), grace=2.0, interval=1.0)
RESTARTING_WITHIN_SECONDS = 2.0  # beside what is left to a machine that was late


@pytest.mark.timeout(900)  # in full
async def test_a_fleet_killed_at_random_loses_no_task_and_does_none_twice(
    machine: Machine, record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    """Work is done twice only where a process was killed when it had done it and makima did not know yet."""
    chance = random.Random(20260131)
    roles = tuple(f"worker-{number}" for number in range(AGENTS))
    machine.commands = {**dict.fromkeys(roles, WORKER), "fails": command("fails")}
    machine.capacity, machine.env = AGENTS + 1, {"NOTES": str(tmp_path)}
    async with machine.daemon(LIVELY):
        contract = await machine.contract()
        http = machine.gateways.clients[0]
        await act(http, contract, "start")
        for role in (*roles, "fails"):
            await machine.started(role, contract)
        await eventually(lambda: len(_pids(machine, contract)) == AGENTS)
        until, asked, took, unknown = time.monotonic() + SECONDS, list[str](), list[float](), set[str]()
        while time.monotonic() < until:
            for role in roles:
                task = {"name": f"{role} {len(asked)}", "role": role}
                answer = await http.post(f"/contracts/{contract}/tasks", json=task)
                assert answer.status_code == 201, answer.text
                asked.append(task["name"])
            role = chance.choice(roles)
            seconds, undelivered = await _killed(machine, contract, role, tmp_path)
            took.append(seconds)
            unknown |= undelivered
        assert max(took) < RESTARTING_WITHIN_SECONDS, took

        async def completed() -> bool:
            return len(await _completed(machine, contract)) >= len(asked)

        await eventually(completed)
        assert sorted(await _completed(machine, contract)) == sorted(asked)
        done = Counter(name for role in roles for name in _noted(tmp_path, contract, role))
        assert set(done) == set(asked), "each was done"
        assert {name for name, count in done.items() if count > 1} <= unknown, "done again"
        record_property("kills, tasks, longest until restarting", (len(took), len(asked), max(took)))
        await machine.until(contract, "fails", "restarting", "dead_failed_revive")


async def _completed(machine: Machine, contract: str) -> list[str]:
    """The names of the tasks that the log says are done."""
    log = await machine.gateways.log.stream("default", f"contract-{contract}")
    return [orjson.loads(each.data)["name"] for each in log if each.type == "TaskCompleted"]


def _noted(notes: Path, contract: str, role: str) -> list[str]:
    """The work itself, as whoever did it noted, whatever makima knows of it."""
    path = notes / f"{contract}-{role}.notes"
    return path.read_text().splitlines() if path.exists() else []


def _pids(machine: Machine, contract: str) -> dict[str, int]:
    return {role: process.pid for role, process in machine.by_role(contract).items()}


def _began(machine: Machine, contract: str, role: str) -> float:
    """When the daemon started its newest process, in seconds since 1970."""
    records, _ = StateFile(machine.workspace.state).load()
    return next(each.began for each in records if (each.contract_id, each.role) == (contract, role))


async def _killed(machine: Machine, contract: str, role: str, notes: Path) -> tuple[float, set[str]]:
    """Until it is ready again. After how many seconds its crash was recorded as `restarting`, without those for which
    this process, which is the daemon and all services, had no turn. And what the process had done, and makima did not
    know yet.
    """

    async def joined() -> bool:
        events = await machine.events(contract, role)
        return (
            bool(events)
            and isinstance(events[-1], AgentJoined | AgentStatusChanged)
            and (events[-1].new_status.value in {"ready", "working"})
        )

    async def is_healthy() -> bool:
        return await joined() and time.time() - _began(machine, contract, role) >= HEALTHY_SECONDS

    await eventually(is_healthy)
    pid = _pids(machine, contract)[role]

    async def restarting() -> float:
        """When, in seconds since 1970; 0: not yet."""
        stream = f"agent-{agent_id(contract, role)}"
        recorded = await machine.gateways.log.stream("default", stream)
        crash = [
            each.recorded_at.timestamp()
            for each, event in zip(recorded, await machine.events(contract, role), strict=False)
            if isinstance(event, AgentStatusChanged) and event.new_status.value == "restarting"
        ]
        return next((at for at in crash if at >= killed_at), 0.0)

    known = set(await _completed(machine, contract))
    async with measured() as late:
        killed_at = time.time()
        kill(pid)
        await eventually(lambda: pid not in _pids(machine, contract).values())
        undelivered = set(_noted(notes, contract, role)) - known
        restarting_at = await eventually(restarting)
        took = restarting_at - killed_at - late.allowed(0.0)
    await eventually(joined)
    return took, undelivered
