"""A demo daemon: runs a group of agents for its share of the contracts, and simulates faults: crashes, frozen
agents, and a lost network.
"""

import asyncio
import os
import random
import sys
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final
from zlib import crc32

from makima_schemas.addresses import from_environment
from makima_schemas.contract.model import ContractStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.daemon import Answer, Daemon
from makima_sdk.http import Http
from makima_sdk.problems import MakimaError, UnreachableError
from makima_sdk.signals import Signal

from makima_cli.demo import HEARTBEAT_SECONDS, TIMEOUT_SECONDS
from makima_cli.demo.agent_group import AgentGroup
from makima_cli.demo.fleet_credentials import USERS_TOKEN
from makima_cli.demo.process import run_until_stopped, say
from makima_cli.demo.user import MOST_LIVE

# Contracts at a time. All of the demo user's contracts may fall to one daemon, and others that people create;
# none shall wait because a paused contract occupies a place.
DAEMON_CAPACITY: Final = 2 * MOST_LIVE
CONTRACT_POLL_SECONDS: Final = 1.0
OPEN: Final = "created,active,waiting_for_input,paused,blocked,completing"
SILENCE_SECONDS: Final = TIMEOUT_SECONDS * 2.5
ROLES: Final = ("supervisor", "builder")
MISHAP_ROUND_SECONDS: Final = 90.0  # between two crashes or two freezes on one daemon


@dataclass(frozen=True, slots=True)
class Place:
    """This daemon's share: contracts and simulated faults are spread evenly over all daemons."""

    index: int  # of this daemon, from 0
    count: int  # of all daemons

    def takes(self, contract_id: str) -> bool:
        """True if this daemon runs the contract; by a hash of the id."""
        return crc32(contract_id.encode()) % self.count == self.index

    def first(self, mishap_after: float) -> float:
        """Seconds until this daemon's first fault of a kind, which comes after `mishap_after` on the first
        daemon.
        """
        return mishap_after + MISHAP_ROUND_SECONDS * self.index / self.count


class DemoDaemon:
    """Runs the agents of its contracts, and simulates faults.

    `contracts` uses the daemon's token, which gives access only to contracts that it runs. `offered` uses the
    demo user's token, which it needs to find new contracts.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        contracts: Contracts,
        offered: Contracts,
        connection: Connection,
        *,
        worktrees: Path,
    ) -> None:
        self._name = name
        self._place = place
        self._contracts = contracts
        self._offered = offered
        self._connection = connection
        self._worktrees = worktrees
        self._groups: dict[str, AgentGroup] = {}  # by contract id
        self._daemon: Daemon | None = None  # None while the network is lost

    async def run(self) -> None:
        async with asyncio.TaskGroup() as work:
            work.create_task(self._take_contracts(work))
            work.create_task(self._beat())
            work.create_task(self._mishaps())

    async def _take_contracts(self, work: asyncio.TaskGroup) -> None:
        while True:
            try:
                async for contract in self._offered.all({"status": OPEN, "limit": 500}):
                    if (
                        self._place.takes(contract.id)
                        and contract.id not in self._groups
                        and len(self._groups) < DAEMON_CAPACITY
                    ):
                        self._groups[contract.id] = AgentGroup(
                            contract.id, self._name, self._contracts, self._worktrees, self._report
                        )
                        work.create_task(self._run(self._groups[contract.id]))
            except MakimaError as error:
                say(f"{self._name} finds no contracts: {error}")
            await asyncio.sleep(CONTRACT_POLL_SECONDS)

    async def _run(self, group: AgentGroup) -> None:
        try:
            await group.run()
        finally:
            del self._groups[group.contract_id]
            self._report()

    async def _beat(self) -> None:
        """Connect, and disconnect from time to time for `SILENCE_SECONDS`, which is longer than the heartbeat
        timeout. The agents, which have their own connections, go on.
        """
        connected = self._place.first(40)
        while True:
            try:
                await self._connected(connected)
            except UnreachableError as error:
                say(f"{self._name} is not connected: {error}")
                await asyncio.sleep(CONTRACT_POLL_SECONDS)
                continue
            say(f"{self._name} has no network")
            await asyncio.sleep(SILENCE_SECONDS)
            connected = MISHAP_ROUND_SECONDS * 2 - SILENCE_SECONDS

    async def _connected(self, seconds: float) -> None:
        async with Daemon(self._name, self._connection, interval=HEARTBEAT_SECONDS) as daemon:
            daemon.on("cleanup_worktrees", self._clean_up)
            self._daemon = daemon
            self._report()
            try:
                await asyncio.sleep(seconds)
            finally:
                self._daemon = None

    async def _clean_up(self, signal: Signal) -> Answer:
        group = self._groups.get(str(signal.body.get("contract_id")))
        if group is not None:
            await group.remove_worktree()
        return {"removed": 0 if group is None else 1}

    def _report(self) -> None:
        if self._daemon is not None:
            groups = self._groups.values()
            self._daemon.report(
                agents=tuple(child.name for group in groups for child in group.agents.values()),
                worktrees=sum(group.worktree.is_dir() for group in groups),
                capacity=DAEMON_CAPACITY - len(self._groups),
            )

    async def _mishaps(self) -> None:
        async with asyncio.TaskGroup() as mishaps:
            mishaps.create_task(self._crash_now_and_then())
            mishaps.create_task(self._freeze_now_and_then())

    async def _crash_now_and_then(self) -> None:
        """Make a supervisor and a builder crash, alternately."""
        await asyncio.sleep(self._place.first(20))
        for role in cycle(ROLES):
            group = await self._some_group()
            say(f"{group.agents[role].name} is about to crash")
            group.agents[role].crash()
            await asyncio.sleep(MISHAP_ROUND_SECONDS)

    async def _freeze_now_and_then(self) -> None:
        """Stop all agents of a contract (SIGSTOP), so that heartbeats are missing and the contract becomes
        stale; then continue them.
        """
        await asyncio.sleep(self._place.first(10))
        while True:
            agents = list((await self._some_group()).agents.values())
            for child in agents:
                say(f"{child.name} is frozen")
                child.freeze()
            await asyncio.sleep(SILENCE_SECONDS)
            for child in agents:
                child.thaw()
            await asyncio.sleep(MISHAP_ROUND_SECONDS - SILENCE_SECONDS)

    async def _some_group(self) -> AgentGroup:
        """Wait for a group whose two agents are at work, and return it; a random one of several."""
        while True:
            groups = list(self._groups.values())
            random.shuffle(groups)  # no cryptographic randomness is needed
            for group in groups:
                if await self._at_work(group):
                    return group
            await asyncio.sleep(CONTRACT_POLL_SECONDS)

    async def _at_work(self, group: AgentGroup) -> bool:
        """True if both agents run and the contract has tasks. Tasks come from a supervisor that is
        registered, and only a registered one can be detected as silent.
        """
        try:
            contract = await self._contracts.get(group.contract_id)
        except MakimaError:
            return False
        there = all(role in group.agents and group.agents[role].settled for role in ROLES)
        return there and contract.status is ContractStatus.ACTIVE and contract.tasks.total > 0


async def main(name: str, place: Place, worktrees: Path) -> None:
    connection = Connection.default()
    async with (
        Http(connection.url, connection.token) as http,
        Http(connection.url, from_environment(os.environ, USERS_TOKEN)) as user,
    ):
        await DemoDaemon(name, place, Contracts(http), Contracts(user), connection, worktrees=worktrees).run()


if __name__ == "__main__":
    run_until_stopped(main(sys.argv[1], Place(int(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4])))
