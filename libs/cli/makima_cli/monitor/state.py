"""What the monitor knows: a fold of the monitor's messages and of the pages of the API.

Pages and messages come over two ways, in any order and more than once: a contract's newest version wins, and a
message counts once, by its position. Everything held is bounded, however many messages come.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.agents import AgentRecord, Restarts
from makima_sdk.models import Contract, Question, read

from makima_cli.event_summary import sentence
from makima_cli.monitor.holding import Orders, in_places
from makima_cli.monitor.model import (
    AGENT_ORDERS,
    CONTRACT_ORDERS,
    Link,
    Need,
    Pane,
    latest_activity,
)
from makima_cli.monitor.needs import needs
from makima_cli.monitor.screen import BEHIND_SECONDS, Screen
from makima_cli.monitor.wanted import Wanted

MAX_CONTRACTS: Final = 10_000
MAX_SHOWN_AGENTS: Final = 10_000
MAX_EVENTS: Final = 500
MAX_DELETED: Final = 1_000
MAX_UNREAD: Final = 1_000  # contracts that are to be read again

Event = Mapping[str, object]
AgentKey = tuple[str, str]  # contract id, role

# Messages of events in the contract's own stream: a contract that was read before them is older than they are.
OWN: Final = frozenset(
    {"StatusChanged", "PhaseChanged", "TaskCompleted", "DeliverableCompleted", "QuestionAsked"}
)


@dataclass(slots=True)
class MonitorState(Screen):
    only: frozenset[str] = frozenset()  # the contracts that are wanted; empty: all
    contracts: dict[str, Contract] = field(default_factory=dict[str, Contract])
    agents: dict[AgentKey, AgentRecord] = field(default_factory=dict[AgentKey, AgentRecord])
    questions: dict[str, Question] = field(default_factory=dict[str, Question])  # the oldest open one
    heard: dict[str, datetime] = field(default_factory=dict[str, datetime])  # of a contract's senders
    agents_heard: dict[AgentKey, datetime] = field(default_factory=dict[AgentKey, datetime])
    events: deque[Event] = field(default_factory=lambda: deque[Event](maxlen=MAX_EVENTS))
    unread: dict[str, None] = field(default_factory=dict[str, None])  # contracts to read again, in order
    position: int | None = None
    epoch: str | None = None
    _changed_at: dict[str, datetime] = field(
        default_factory=dict[str, datetime]
    )  # last message of `OWN`, by contract
    _contract_orders: Orders[str, Contract] = field(default_factory=lambda: Orders(CONTRACT_ORDERS))
    _agent_orders: Orders[AgentKey, AgentRecord] = field(default_factory=lambda: Orders(AGENT_ORDERS))
    _deleted: deque[str] = field(default_factory=lambda: deque[str](maxlen=MAX_DELETED))

    def fold(self, event: Event) -> None:
        """Take one message of the monitor in; one that was taken in before changes nothing. While the screen is
        paused it waits.
        """
        if self.held.since is not None and event.get("type") != "hello":
            self.held.hold(event)
        else:
            self._fold(event)

    def pause_or_go_on(self, now: datetime) -> None:
        """Stop the screen as it is, or let in what came meanwhile."""
        if self.held.since is None:
            self.held.since = now
            return
        for event in self.held.release():
            self._fold(event)
        self.reread = True

    def _fold(self, event: Event) -> None:
        match event:
            case {"type": "hello", "epoch": str(epoch), "position": int(position)}:
                self.link, self.attempts, self.lost_at = Link.LIVE, 0, None
                self.epoch = self.epoch or epoch
                self.position = position if self.position is None else self.position
            case {"type": "reset", "epoch": str(epoch), "position": int(position)}:
                self._begin_again(epoch, position)
            case {"type": "lagging"}:
                self.link = Link.BEHIND
            case {"type": "Tick", "lag_ms": int(lag)}:
                self.lag = lag / 1000
                self.link = Link.BEHIND if self.lag > BEHIND_SECONDS else Link.LIVE
            case {"type": "Heartbeat", "contract_id": str(contract_id), "timestamp": str(at)}:
                role = str(event.get("role") or SUPERVISOR_ROLE)
                self._note_heartbeat((contract_id, role), datetime.fromisoformat(at))
            case {"position": int(position), "contract_id": str(contract_id), "timestamp": str(at)}:
                if self.position is None or position > self.position:
                    self.position, self.link = position, Link.LIVE
                    self.events.append(event)
                    self._change(contract_id, event, datetime.fromisoformat(at))
            case _:
                pass

    def put(self, contracts: Iterable[Contract]) -> None:
        """Take contracts in as they were read; one that is older than what is known is left."""
        for contract in contracts:
            known = self.contracts.get(contract.id)
            if contract.id in self._deleted or (self.only and contract.id not in self.only):
                continue
            if known is None and len(self.contracts) >= MAX_CONTRACTS:
                continue
            changed_at = self._changed_at.get(contract.id)
            if changed_at is not None and (contract.updated_at or contract.created_at) < changed_at:
                self.read_again(contract.id)
            elif known is None or contract.version >= known.version:
                newest = latest_activity(contract, known)
                if newest != known:
                    self.contracts[contract.id] = newest
                self._changed_at.pop(contract.id, None)

    def keep(self, contract_ids: Iterable[str], read_at: int | None) -> None:
        """All contracts there are, read when the log was at `read_at`: forget the others, unless news came."""
        if read_at != self.position:
            return
        for contract_id in self.contracts.keys() - set(contract_ids):
            self._forget(contract_id)

    def put_agents(self, agents: Iterable[AgentRecord]) -> None:
        """Take all agents in, as they were read."""
        self.agents = dict([((each.contract_id, each.role), each) for each in agents][:MAX_SHOWN_AGENTS])
        self.agents_heard = {key: at for key, at in self.agents_heard.items() if key in self.agents}

    def put_question(self, contract_id: str, question: Question | None) -> None:
        """The oldest open question of a contract; None: it has none."""
        self.questions.pop(contract_id, None)
        if question is not None and contract_id in self.contracts:
            self.questions[contract_id] = question

    def name(self, contract_id: str) -> str:
        known = self.contracts.get(contract_id)
        return known.name if known else contract_id

    def moved(self, contract: Contract) -> datetime:
        return contract.last_activity_at or contract.created_at

    def heard_of(self, agent: AgentRecord) -> datetime | None:
        """Its last heartbeat: as it was read, or as it was told since. None: it is not there, or was never heard."""
        if agent.status_now is AgentStatus.OFFLINE:
            return None
        since_read = self.agents_heard.get((agent.contract_id, agent.role))
        return max(filter(None, (agent.last_heartbeat_at, since_read)), default=None)

    def needs(self) -> list[Need]:
        """What waits for a person, oldest first."""
        return self.once(
            "needs", lambda: needs(self.contracts.values(), self.agents.values(), self.questions)
        )

    def listed(self, now: datetime) -> list[Contract]:
        """The contracts that the filter lets through, in the chosen order; while the cursor is on one, each keeps
        its place, and what came later is counted.
        """
        wanted, order = self.filters[Pane.CONTRACTS], self.orders[Pane.CONTRACTS]
        chosen = self.selected[Pane.CONTRACTS]
        of = f"{wanted.text}\n{order}\n{bool(chosen)}"
        return self.once("contracts", lambda: self._listed(wanted, order, now), of)

    def _listed(self, wanted: Wanted, order: str, now: datetime) -> list[Contract]:
        places, of = self.places[Pane.CONTRACTS], (wanted.text, order)
        self._contract_orders.follow(self.contracts)
        chosen, rows = self.selected[Pane.CONTRACTS] or None, self.contracts
        if wanted.text:
            read = chosen if places.holds(of, chosen) else None  # it stays while somebody reads it
            rows = {key: each for key, each in rows.items() if key == read or wanted.contract(each, now)}
        return in_places(places, of, chosen, rows, self._contract_orders)

    def listed_agents(self) -> list[AgentRecord]:
        """The agents that the filter lets through, in the chosen order and places as contracts."""
        wanted, order = self.filters[Pane.AGENTS], self.orders[Pane.AGENTS]
        of = f"{wanted.text}\n{order}\n{bool(self.selected[Pane.AGENTS])}"
        return self.once("agents", lambda: self._listed_agents(wanted, order), of)

    def _listed_agents(self, wanted: Wanted, order: str) -> list[AgentRecord]:
        self._agent_orders.follow(self.agents)
        contract_id, _, role = self.selected[Pane.AGENTS].partition("\n")
        chosen, rows = (contract_id, role) if contract_id else None, self.agents
        if wanted.text:
            rows = {key: each for key, each in rows.items() if wanted.agent(each, self.name(key[0]))}
        return in_places(self.places[Pane.AGENTS], (wanted.text, order), chosen, rows, self._agent_orders)

    def listed_events(self) -> list[Event]:
        """The latest first. A filter counts where events are the pane."""
        wanted = self.filters[Pane.EVENTS]
        if not wanted.text:
            return list(reversed(self.events))
        return [
            each
            for each in reversed(self.events)
            if wanted.event(
                str(each.get("type")), f"{self.name(str(each.get('contract_id')))} {sentence(each)}"
            )
        ]

    def read_again(self, contract_id: str) -> None:
        """The contract is to be read again, if not too many are already."""
        if len(self.unread) < MAX_UNREAD:
            self.unread[contract_id] = None

    def _change(self, contract_id: str, event: Event, at: datetime) -> None:
        known = self.contracts.get(contract_id)
        match event:
            case {"type": "StatusChanged", "new_status": None}:
                self._deleted.append(contract_id)
                self._forget(contract_id)
                return
            case {"type": "StatusChanged", "new_status": str(status)} if known:
                change: dict[str, object] = {"status": ContractStatus(status), "status_changed_at": at}
            case {"type": "PhaseChanged", "new_phase": str(phase)}:
                change = {"phase": phase}
            case {"type": "StaleDetected"}:
                change = {"stale": True}
            case {"type": "StaleCleared"}:
                change = {"stale": False}
            case {"type": "AgentStatusChanged", "role": str(role), "new_status": str(status)}:
                change = {}
                self._change_agent((contract_id, role), AgentStatus(status), at, event.get("restarts"))
            case _:
                change = {}
        if event.get("type") in OWN:
            self._changed_at[contract_id] = at
            change["last_activity_at"] = at
        self.read_again(contract_id)
        if known is not None:
            self.contracts[contract_id] = replace(known, **change)  # pyright: ignore[reportArgumentType] - as above
        else:
            self._changed_at.pop(contract_id, None)

    def _change_agent(self, key: AgentKey, status: AgentStatus, at: datetime, count: object) -> None:
        """`count`: of its restarts, as the event has it."""
        known = self.agents.get(key)
        if known is not None or len(self.agents) < MAX_SHOWN_AGENTS:
            made = known or AgentRecord(*key)
            restarts = made.restarts
            if status is AgentStatus.RESTARTING:
                restarts = None if count is None else read(Restarts, count)
            self.agents[key] = replace(made, agent_status=status, since=at, stuck=False, restarts=restarts)

    def _note_heartbeat(self, key: AgentKey, at: datetime) -> None:
        contract_id = key[0]
        if contract_id in self.contracts:
            self.heard[contract_id] = max(at, self.heard.get(contract_id, at))
        if key in self.agents:
            self.agents_heard[key] = max(at, self.agents_heard.get(key, at))

    def _forget(self, contract_id: str) -> None:
        for known in (self.contracts, self.questions, self.heard, self._changed_at, self.unread):
            known.pop(contract_id, None)
        self.marked.pop(contract_id, None)
        self.agents = {key: each for key, each in self.agents.items() if key[0] != contract_id}
        self.agents_heard = {key: at for key, at in self.agents_heard.items() if key[0] != contract_id}

    def _begin_again(self, epoch: str, position: int) -> None:
        """The log is another one: what was known is read again; filters and selection stay."""
        self.epoch, self.position, self.link = epoch, position, Link.LIVE
        for known in (self.contracts, self.agents, self.questions, self.heard, self._changed_at, self.unread):
            known.clear()
        self.agents_heard.clear()
        self._deleted.clear()
