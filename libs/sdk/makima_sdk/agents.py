"""Typed client for the HTTP routes of agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.agent import AgentStatus

from makima_sdk.http import Json, Query, Sender
from makima_sdk.models import Page, read
from makima_sdk.paths import path


@dataclass(frozen=True, slots=True)
class Beats:
    """One character for each interval of `step_seconds` up to `to`, the newest last: `1` a heartbeat on time, `l` a
    late one, `0` none, `|` a new connection, `-` not joined yet.
    """

    to: datetime
    step_seconds: float
    slots: str


@dataclass(frozen=True, slots=True)
class Restarts:
    """Restart number `attempts` in a row, of the `of` that its daemon tries before it gives up."""

    attempts: int
    of: int
    next_at: datetime | None = None  # when its process is started; null: it is not `restarting`


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent (interfaces.md, Agent): one role of one contract.

    `agent_status` is null in the answers of servers from before it: `status_now` reads those, too.
    """

    contract_id: str
    role: str
    agent_status: AgentStatus | None = None
    status: str | None = None
    ready_until: datetime | None = None
    is_expired: bool = False
    stuck: bool = False
    progress_at: datetime | None = None
    connection_id: str | None = None
    daemon_id: str | None = None
    since: datetime | None = None
    last_heartbeat_at: datetime | None = None
    quiet_until: datetime | None = (
        None  # until when it announced silence; null: it did not, or it is not known
    )
    activity: str | None = None  # what it said that it does
    evidence: Mapping[str, object] | None = None  # of the verdict that gave it its status
    restarts: Restarts | None = None  # after its newest crash, as its daemon told
    restart_refused: str | None = None  # why a restart would be refused; null: the contract allows it
    beats: Beats | None = None  # if they were asked for, of a server that knows them

    @property
    def status_now(self) -> AgentStatus:
        """Its status; derived where the record has none: expired is dead, active working, waiting ready."""
        if self.agent_status is not None:
            return self.agent_status
        if self.is_expired:
            return AgentStatus.DEAD
        derived = {"active": AgentStatus.WORKING, "waiting": AgentStatus.READY}
        return derived.get(self.status or "", AgentStatus.OFFLINE)


@dataclass(frozen=True, slots=True)
class Team:
    """Which roles a contract expects, and which of them have no agent that is there."""

    ready: bool
    expected_roles: tuple[str, ...] = ()
    missing_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TeamOfAgents:
    agents: tuple[AgentRecord, ...]
    team: Team


@dataclass(frozen=True, slots=True)
class SenderAnswer:
    """`interval_seconds` and `timeout_seconds` are in force from now on."""

    status: Literal["ok", "rejoin_required", "superseded"]
    interval_seconds: float
    timeout_seconds: float


class Agents:
    """The agent routes of one makima installation. Raises as `Contracts` does."""

    def __init__(self, http: Sender) -> None:
        self._http = http

    async def team(self, contract_id: str) -> TeamOfAgents:
        return read(
            TeamOfAgents, (await self._http.send("GET", path("contracts", contract_id, "agents"))).body
        )

    async def get(self, contract_id: str, role: str) -> AgentRecord:
        return read(
            AgentRecord, (await self._http.send("GET", path("contracts", contract_id, "agents", role))).body
        )

    async def page(self, query: Query | None = None) -> Page[AgentRecord]:
        """One page of the agents of all contracts. `query` takes `status`, `stuck`, `beats`, `limit`,
        `cursor`.
        """
        return read(Page[AgentRecord], (await self._http.send("GET", "/agents", query=query)).body)

    async def join(self, contract_id: str, role: str, connection_id: str, **members: object) -> SenderAnswer:
        """A new process joins with a new connection id, one that comes back with its own. `members`: `daemon_id`, and
        those of a heartbeat.
        """
        given = {name: value for name, value in members.items() if value is not None}
        return await self._step(contract_id, role, "join", {"connection_id": connection_id, **given})

    async def heartbeat(
        self, contract_id: str, role: str, connection_id: str, **members: object
    ) -> SenderAnswer:
        """`members` are those of an agent's heartbeat (interfaces.md, NATS)."""
        return await self._step(contract_id, role, "heartbeat", {"connection_id": connection_id, **members})

    async def leave(self, contract_id: str, role: str, connection_id: str | None = None) -> SenderAnswer:
        """Without a connection id: whichever is in force."""
        body = {} if connection_id is None else {"connection_id": connection_id}
        return await self._step(contract_id, role, "leave", body)

    async def supervisor_heartbeat(self, contract_id: str, **members: object) -> SenderAnswer:
        """`members` are those of a supervisor's heartbeat (interfaces.md, NATS), and `daemon_id`."""
        where = path("contracts", contract_id, "supervisor", "heartbeat")
        return read(SenderAnswer, (await self._http.send("POST", where, members)).body)

    async def _step(self, contract_id: str, role: str, step: str, body: Json) -> SenderAnswer:
        where = path("contracts", contract_id, "agents", role, step)
        return read(SenderAnswer, (await self._http.send("POST", where, body)).body)
