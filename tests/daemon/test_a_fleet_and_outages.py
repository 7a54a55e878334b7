"""A fleet of a real daemon, while the broker, the database and each service are away for half a minute, one after the
other: what its agents do meanwhile waits in their spools, nothing is lost or done twice, and nobody who lives is
declared dead.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import nats as nats_py
import orjson
import psutil
import pytest
from makima_daemon import app
from makima_daemon.config import AgentCommand, Config
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from makima_sdk.connection import Connection

from tests.chaos import CHAOS
from tests.faults.trial import Broker, on_servers
from tests.plain_http import plain_client
from tests.servers import BUDGET, OwnNats, open_folder
from tests.services.gateway.harness import ADMIN, act, body, created
from tests.services.gateway.tokens import issue_token
from tests.whole_system import SERVICES, WholeSystem, whole_system

pytestmark = pytest.mark.skipif(not CHAOS, reason="five minutes: `make test-long`")
PROGRAM = Path(__file__).parent / "noting_agents.py"
AWAY_SECONDS = 30.0
BUSY_SECONDS = 5.0  # between two outages
TASK_SECONDS = 0.4  # between two tasks of a contract
BACK_SECONDS = 120.0  # at most, until everything is ready again, and until all that waited was delivered
CONTRACTS, WORKERS = 3, 2  # workers of each contract
ABSENT = {"dead", "dead_failed_revive", "interrupted", "restarting"}
TELL_OF_ABSENCE = {"SilenceDetected", "DaemonDisconnected", "SupervisorRestartRequested"}


@dataclass
class Contract:
    """One of the fleet, and the truth about it: the tasks that it was given, whatever makima answered."""

    id: str
    asked: list[str] = field(default_factory=list[str])


@dataclass
class Fleet:
    http: httpx.AsyncClient
    log: Log
    notes: Path
    contracts: list[Contract]

    def noted(self, contract: Contract, role: str) -> list[str]:
        path = self.notes / f"{contract.id}-{role}.notes"
        return path.read_text().splitlines() if path.exists() else []

    async def give_tasks(self, enough: asyncio.Event) -> None:
        """Each is asked for under one key until it is there."""
        number = 0
        while not enough.is_set():
            number += 1
            for contract in self.contracts:
                role = f"worker-{number % WORKERS}"
                name = f"{role}-{number}"
                contract.asked.append(name)
                await _until_answered(
                    lambda contract=contract, name=name, role=role: self.http.post(
                        f"/contracts/{contract.id}/tasks",
                        json={"name": name, "role": role},
                        headers={"Idempotency-Key": f"{contract.id}-{name}"},
                    )
                )
            await asyncio.sleep(TASK_SECONDS)

    async def events(self, stream: str, type_: str) -> list[dict[str, object]]:
        recorded = await self.log.stream("default", stream)
        return [orjson.loads(each.data) for each in recorded if each.type == type_]

    async def completed(self, contract: Contract) -> list[tuple[str, str]]:
        """The tasks that the log says are done: name and result."""
        done = await self.events(f"contract-{contract.id}", "TaskCompleted")
        return [(str(each["name"]), str(each["result"])) for each in done]

    async def saved(self, contract: Contract) -> list[str]:
        task = body(await self.http.get(f"/contracts/{contract.id}/supervisor/status")).get("task_id")
        saves = await self.events(f"supervisor-{task}", "SupervisorSaved")
        contents = [orjson.loads(str(each["content"])) for each in saves if each["kind"] == "conversation"]
        return [str(message["content"]) for content in contents for message in content["messages"]]

    async def steps(self, contract: Contract) -> list[str]:
        sent = await self.events(f"contract-{contract.id}", "MessageSent")
        return [str(each["content"]) for each in sent]

    def pids(self) -> dict[str, int]:
        """Of the fleet's processes, by contract and role."""
        found = dict[str, int]()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                env = process.environ()
                if env.get("NOTES") == str(self.notes):
                    found[f"{env['MAKIMA_CONTRACT']}-{env['MAKIMA_ROLE']}"] = process.pid
        return found

    async def declared(self) -> list[str]:
        """Whatever was said to be dead, lost, restarting or gone."""
        found, position = list[str](), 0
        while page := await self.log.after(position):
            for each in page:
                data = orjson.loads(each.data)
                if each.type in TELL_OF_ABSENCE or {data.get("new_status"), data.get("new_state")} & ABSENT:
                    found.append(f"{each.stream}: {each.type} {each.data}")
            position = page[-1].position
        return found


async def _until_answered(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    while True:
        with suppress(httpx.TransportError):
            answer = await ask()
            if answer.is_success:
                return answer
            assert answer.status_code in {429, 500, 502, 503, 504}, answer.text
        await asyncio.sleep(0.2)


@asynccontextmanager
async def daemon(system: WholeSystem, http: httpx.AsyncClient, notes: Path) -> AsyncGenerator[None]:
    token = str((await issue_token(http, "daemon", daemon_id="d1"))["token"])
    connection = Connection(system.urls[0], system.nats_url, token)
    programs = {"supervisor": "supervisor", **{f"worker-{n}": "worker" for n in range(WORKERS)}}
    commands = {
        role: AgentCommand(command=(sys.executable, str(PROGRAM), what), env={"NOTES": str(notes)})
        for role, what in programs.items()
    }
    config = Config(daemon_id="d1", capacity=50, workspace=notes.parent / "workspace", agents=commands)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(app.run(config, connection, stop=stop))
        try:
            yield
        finally:
            stop.set()


Act = Callable[[], Awaitable[object]]


def outages(postgres: Postgres, broker: Broker, system: WholeSystem) -> dict[str, tuple[Act, Act]]:
    """What is away, by name: how it goes, and how it comes back."""
    assert isinstance(broker, OwnNats)

    def service(name: str) -> tuple[Act, Act]:
        async def back() -> None:
            system.start(name)

        return lambda: system.runner.stop(name, patience=0.0), back

    return {
        "nats": (broker.kill, broker.start),
        "postgres": (postgres.kill, postgres.start),
        **{name: service(name) for name in SERVICES},
    }


@pytest.mark.timeout(900)
async def test_what_a_fleet_does_while_each_part_is_away_is_there_afterwards_once(
    server_folder: Path, record_property: Callable[[str, object], None]
) -> None:
    place = open_folder(server_folder / f"outages-{uuid4().hex[:8]}")
    notes = place / "notes"
    notes.mkdir()
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place) as system,
        plain_client(
            base_url=f"{system.http}/", headers={"Authorization": f"Bearer {ADMIN}"}, timeout=10
        ) as http,
        asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool,
    ):
        nats = await nats_py.connect(broker.url)
        await provision(nats, Log(pool), budget=BUDGET)
        await nats.close()
        system.start()
        await system.ready(timeout=BACK_SECONDS)
        fleet = Fleet(http, Log(pool), notes, [])
        async with daemon(system, http, notes):
            for _ in range(CONTRACTS):
                contract = Contract(str((await created(http))["id"]))
                await act(http, contract.id, "start")
                fleet.contracts.append(contract)
            enough = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(fleet.give_tasks(enough))
                before = await _all_at_work(fleet)
                for name, (go, come) in outages(postgres, broker, system).items():
                    told = [len(fleet.noted(each, "supervisor")) for each in fleet.contracts]
                    await go()
                    await asyncio.sleep(AWAY_SECONDS)  # the fault itself
                    after = [len(fleet.noted(each, "supervisor")) for each in fleet.contracts]
                    assert all(b > a for a, b in zip(told, after, strict=True)), f"one waited for {name}"
                    await come()
                    await system.ready(timeout=BACK_SECONDS)
                    await asyncio.sleep(BUSY_SECONDS)
                enough.set()
            await _is_told_once(fleet)
            assert fleet.pids() == before, "the processes of the beginning"
            (notes / "end").touch()
        assert await fleet.declared() == []
        record_property(
            "tasks, saves",
            (
                sum(len(each.asked) for each in fleet.contracts),
                sum(len(fleet.noted(each, "supervisor")) for each in fleet.contracts),
            ),
        )


async def _all_at_work(fleet: Fleet) -> dict[str, int]:
    """Its processes, once each supervisor has saved and each worker has worked: one that could not join in time has
    ended, and another one came, before that.
    """
    for contract in fleet.contracts:
        await eventually(lambda contract=contract: fleet.saved(contract), BACK_SECONDS)
        for role in (f"worker-{n}" for n in range(WORKERS)):
            await eventually(lambda contract=contract, role=role: fleet.noted(contract, role), BACK_SECONDS)
    found = fleet.pids()
    assert len(found) == CONTRACTS * (WORKERS + 1)
    return found


async def _is_told_once(fleet: Fleet) -> None:
    """All that was asked for and noted is in the log, once, and with its result."""
    for contract in fleet.contracts:

        async def all_done(contract: Contract = contract) -> bool:
            done = {name for name, _ in await fleet.completed(contract)}
            assert done >= set(contract.asked), set(contract.asked) - done
            return True

        await eventually(all_done, BACK_SECONDS)
        assert sorted(await fleet.completed(contract)) == sorted(
            (name, f"built {name}") for name in contract.asked
        )
        worked = [name for n in range(WORKERS) for name in fleet.noted(contract, f"worker-{n}")]
        assert Counter(worked) == Counter(contract.asked), "each was worked on once"
        assert Counter(await fleet.steps(contract)) == Counter(f"did {name}" for name in contract.asked)
        noted = fleet.noted(contract, "supervisor")

        async def all_saved(contract: Contract = contract, noted: list[str] = noted) -> bool:
            return len(await fleet.saved(contract)) >= len(noted)

        await eventually(all_saved, BACK_SECONDS)
        assert (await fleet.saved(contract))[: len(noted)] == noted, "each save once, in order"
