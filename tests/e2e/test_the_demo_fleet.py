"""The whole system and its demo fleet, seen through the public interfaces alone: contracts move, silences are
found, deaths are survived.

With `MAKIMA_E2E_URL`, `MAKIMA_E2E_NATS_URL` and `MAKIMA_TOKEN` of an administrator it is running against a stack
that is up already (docker compose) and brings only the fleet; what needs the stack's processes or its short
deadlines is skipped there, with the reason.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import msgspec
import psutil
import pytest
import pytest_asyncio
from makima_cli import demo
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_sdk import Connection, Contracts, Filter, Http, MonitorEvent, monitor, path
from makima_sdk.nats import connect
from nats.aio.msg import Msg

from tests.e2e import stack
from tests.e2e.process_tree import alive, descendants, fleet_pid
from tests.lateness import Lateness, measured

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(330),
    pytest.mark.xdist_group("fleet"),  # one fleet for all of them
]

SHOWN_WITHIN_SECONDS = 120.0
PATIENCE = 270.0  # a busy machine starts processes slowly; who wants to know how fast it is measures it
TIMEOUT_VARIABLE = "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS"


@dataclass(frozen=True)
class Fleet:
    """Where the system is; `system` is None where it is not ours. `incarnations`: task id → the connection
    ids that were heard.
    """

    connection: Connection
    system: stack.Stack | None
    late: Lateness  # this machine, since before the system was started
    incarnations: dict[str, set[str | None]] = field(default_factory=dict[str, set[str | None]])

    @property
    def ours(self) -> stack.Stack:
        if self.system is None:
            pytest.skip("the stack runs elsewhere: its processes are not ours to kill")
        return self.system


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(server_folder: Path) -> AsyncIterator[Fleet]:
    url, nats_url = os.environ.get("MAKIMA_E2E_URL"), os.environ.get("MAKIMA_E2E_NATS_URL")
    if url and nats_url:
        connection = Connection(url, nats_url, os.environ.get("MAKIMA_TOKEN"))
        async with measured() as late, _fleet_at(connection), _heard(Fleet(connection, None, late)) as made:
            yield made
        return
    folder = server_folder / f"fleet-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o711)
    async with (
        measured() as late,
        stack.running(folder, "--demo") as system,
        _heard(Fleet(Connection(system.url, system.nats_url, system.token), system, late)) as made,
    ):
        yield made


@asynccontextmanager
async def _heard(fleet: Fleet) -> AsyncGenerator[Fleet]:
    """Listens to the supervisors from the start."""

    async def hear(message: Msg) -> None:
        beat = msgspec.json.decode(message.data, type=SupervisorHeartbeat)
        fleet.incarnations.setdefault(beat.task_id, set()).add(beat.connection_id)

    nats = await connect(fleet.connection.nats_url, "the fleet's test")
    await nats.subscribe("makima.heartbeats.supervisor.>", cb=hear)
    try:
        yield fleet
    finally:
        await nats.close()


@asynccontextmanager
async def _fleet_at(connection: Connection) -> AsyncGenerator[None]:
    env = {**os.environ, "MAKIMA_URL": connection.url, "MAKIMA_NATS_URL": connection.nats_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "makima_cli.demo", env=env, stdin=DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


@asynccontextmanager
async def told(
    fleet: Fleet, wanted: Filter | None = None, since: int | None = None
) -> AsyncGenerator[AsyncIterator[MonitorEvent]]:
    """What the monitor tells, for as long as anybody has the patience."""
    async with asyncio.timeout(PATIENCE), aclosing(monitor(fleet.connection, wanted, since=since)) as events:
        yield events


async def test_every_state_is_seen(fleet: Fleet) -> None:
    """What a page shows of a fleet that has just begun: the six states of agents, one that is stuck, and each kind
    of thing that waits for a person.
    """
    seen: set[object] = set()
    needed = {*AgentStatus, "stuck", "question", "phase_confirmation", "blocked", "unrecoverable"}
    async with Http(fleet.connection.url, fleet.connection.token, retry_for=PATIENCE) as http:
        if fleet.system is not None:
            assert (await http.send("GET", "/me")).body["demo"] is True, "the page says that it is one"

        async def all_of_it() -> bool:
            agents = (await http.send("GET", "/agents", query={"limit": 1})).body
            counts = cast("dict[str, int]", agents["counts"])
            seen.update(AgentStatus(status) for status, count in counts.items() if count)
            seen.update({"stuck"} if agents["stuck"] else ())
            waiting = (await http.send("GET", "/needs-you")).body
            seen.update(need["kind"] for need in cast("list[dict[str, Any]]", waiting["items"]))
            assert seen >= needed, needed - seen
            return True

        await eventually(all_of_it, PATIENCE, every=1.0)


async def test_every_status_is_seen(fleet: Fleet) -> None:
    """And each state of an agent, and a question, within two minutes by the times of the log; what this machine was late
    meanwhile does not count.
    """
    wanted = {*ContractStatus, *AgentStatus, "QuestionAsked"}
    seen: dict[object, datetime] = {}
    async with told(fleet, since=0) as events:
        async for event in events:
            if "timestamp" not in event:  # of the monitor itself
                continue
            at = datetime.fromisoformat(str(event["timestamp"]))
            seen.setdefault(event["type"], at)
            if event["type"] in {"StatusChanged", "AgentStatusChanged"}:
                seen.setdefault(event["new_status"], at)
            if wanted <= seen.keys():
                break
    took = max(seen[each] for each in wanted) - min(seen.values())
    if fleet.system is not None:
        assert took.total_seconds() <= fleet.late.allowed(SHOWN_WITHIN_SECONDS), seen


async def test_an_advance_before_its_time_is_refused_and_that_is_said(fleet: Fleet) -> None:
    async with Http(fleet.connection.url, fleet.connection.token, retry_for=PATIENCE) as http:

        async def said() -> list[str]:
            found = Contracts(http).all({"q": "Index the documentation", "limit": 500})
            routes = [path("contracts", contract.id, "messages") async for contract in found]
            items = [
                cast("list[dict[str, Any]]", (await http.send("GET", each)).body["items"]) for each in routes
            ]
            return [each["content"] for some in items for each in some if each["role"] == "user"]

        assert "is not ready: Deliverable: plan-document" in (await eventually(said, PATIENCE, every=0.5))[0]


async def test_an_agent_that_was_killed_comes_back_and_does_its_task(fleet: Fleet) -> None:
    went_through: list[object] = []
    async with told(fleet, since=0) as events:
        async for event in events:
            if event["type"] == "AgentStatusChanged" and event["role"] == "compiler":
                went_through.append(event["new_status"])
            if event["type"] == "TaskCompleted" and event["task_name"] == "compile everything":
                break
    assert went_through[:5] == ["ready", "working", "restarting", "ready", "working"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change to")
async def test_nothing_but_makima_up_runs_as_root(fleet: Fleet) -> None:
    """Services, servers, the fleet, and all that these have started."""
    found: list[tuple[str, bool]] = []  # name, and whether it is root's
    for child in psutil.Process(fleet.ours.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess), child.oneshot():  # it has ended meanwhile
            found.append((child.name(), 0 in child.uids()))
    below = [each for each in found if each[0] != "fork server"]  # the tests' own
    assert len(below) > len(fleet.ours.services) + 3, "with agents"
    assert [name for name, is_root in below if is_root] == []


async def test_contracts_of_all_three_types_are_worked_through(fleet: Fleet) -> None:
    async with Http(fleet.connection.url, fleet.connection.token) as http:

        async def done() -> bool:
            over = [
                contract
                async for contract in Contracts(http).all({"status": "completed,archived", "limit": 500})
            ]
            whole = [
                contract
                for contract in over
                if all(item.completed for item in contract.deliverables) and contract.tasks.completed
            ]
            return {"simple", "specification", "execute"} <= {contract.contract_type for contract in whole}

        await eventually(done, PATIENCE, every=0.5)


async def test_a_silent_supervisor_is_found_and_its_return_heals(fleet: Fleet) -> None:
    if fleet.system is None and float(os.environ.get(TIMEOUT_VARIABLE, "120")) > demo.TIMEOUT_SECONDS:
        pytest.skip(
            f"the fleet's silences are shorter than the stack's timeout: set {TIMEOUT_VARIABLE}={demo.TIMEOUT_SECONDS:g} for both"
        )
    silent: set[object] = set()
    async with told(fleet, since=0) as events:
        async for event in events:
            if event["type"] == "SupervisorStateChanged" and event["new_state"] == "interrupted":
                silent.add(event["supervisor_task_id"])
            elif event["type"] == "SupervisorStateChanged" and event["old_state"] == "interrupted":
                assert event["supervisor_task_id"] in silent
                break


async def test_a_crashed_supervisor_comes_back_as_a_new_incarnation(fleet: Fleet) -> None:
    """One of them hangs, and may not act any more when it comes back."""
    await eventually(lambda: any(len(ids) > 1 for ids in fleet.incarnations.values()), PATIENCE, every=0.2)


async def test_killed_services_come_back_and_contracts_go_on(fleet: Fleet) -> None:
    """All of them at once, while the fleet is at work."""
    system = fleet.ours
    for pid in system.services.values():
        os.kill(pid, signal.SIGKILL)
    for service in system.services:
        await eventually(
            lambda service=service: any(f"{service} is running again" in line for line in system.news),
            PATIENCE,
            every=0.1,
        )
    async with Http(fleet.connection.url, fleet.connection.token, retry_for=PATIENCE) as http:
        marker = await Contracts(http).create("made after all were killed")
        async with told(fleet) as events:
            await Contracts(http).act(marker.id, "start")
            async for event in events:
                if event["type"] == "PhaseChanged" and event["contract_id"] == marker.id:
                    break  # a daemon has found it, its agents have worked, and the detector has asked


async def test_no_agent_outlives_a_killed_fleet(fleet: Fleet) -> None:
    system = fleet.ours
    killed = fleet_pid(system)
    await eventually(lambda: len(descendants(killed)) > 4, PATIENCE, every=0.5, because="daemons and agents")
    family = descendants(killed)
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: not family & alive(), 15, every=0.2)
