"""The agents of this machine: who runs, what makima asks for, and what an earlier daemon has left behind."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace as replaced
from pathlib import Path
from typing import Final
from uuid import uuid4

from makima_schemas.identity import agent_id, is_id
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.daemon import Answer
from makima_sdk.signals import Signal

from makima_daemon import event_log, processes
from makima_daemon.adoption import Expected, Found, ProcessId, decide
from makima_daemon.agent import Agent
from makima_daemon.config import AgentCommand
from makima_daemon.processes import AgentProcess
from makima_daemon.state_file import AgentRecord, StateFile
from makima_daemon.surroundings import Surroundings

FAILED_RETRY_SECONDS: Final = 1.0
LEAVE_SECONDS: Final = 5.0  # for makima to hear, at the end, that agents have left
ACCEPTED: Final[Answer] = {"accepted": True}


class Roster:
    """`run` lets all agents live until it is cancelled; `drain` ends them."""

    def __init__(
        self, commands: Mapping[str, AgentCommand], capacity: int, around: Surroundings, state: StateFile
    ) -> None:
        self._commands, self._capacity = commands, capacity
        self._around = replaced(around, changed=self._changed)
        self._changed_outside = around.changed
        self._state = state
        self._agents: dict[str, Agent] = {}  # by agent id
        self._lives: dict[str, asyncio.Task[None]] = {}  # by agent id
        self._next: dict[str, AgentRecord] = {}  # by agent id; started when the one that is leaving has left
        self._kept: Mapping[
            str, AgentRecord
        ] = {}  # by agent id; supervisors that the next daemon goes on with
        self._draining = False

    @property
    def running(self) -> tuple[Agent, ...]:
        """Those that take a place."""
        return tuple(agent for agent in self._agents.values() if not agent.record.failed)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(name for name, agent in self._agents.items() if not agent.record.failed)

    @property
    def capacity(self) -> int:
        """How many more may be started: none by a daemon without a command, which is there for hooks alone."""
        if self._draining or not self._commands:
            return 0
        return max(0, self._capacity - len(self.running))

    @property
    def contracts(self) -> frozenset[str]:
        """With an agent whose process runs, or is about to."""
        return frozenset(agent.record.contract_id for agent in self.running)

    @property
    def logs(self) -> frozenset[Path]:
        """The files that processes write to."""
        records = [agent.record for agent in self._agents.values()]
        return frozenset(self._around.workspace.agent_log(each.contract_id, each.role) for each in records)

    def find(self, contract_id: str, role: str) -> Agent | None:
        return self._agents.get(agent_id(contract_id, role))

    async def start(self, signal: Signal) -> Answer:
        """Signal `start`. An agent that runs already is accepted: makima may ask again. For one that is leaving, the
        new one starts when it has left.
        """
        contract_id, role = str(signal.body["contract_id"]), signal.body.get("role")
        connection_id, task_id = (_id(signal.body, name) for name in ("connection_id", "task_id"))
        if not isinstance(role, str) or not is_id(role):
            return _refused("it names no role")
        if role not in self._commands:
            return _refused(f"it has no command for role {role}")
        if self._draining:
            return _refused("it is draining")
        connections = (connection_id or str(uuid4()),)
        record = AgentRecord(contract_id=contract_id, role=role, task_id=task_id, connections=connections)
        agent = self.find(contract_id, role)
        if agent is not None and agent.is_leaving and connection_id not in agent.record.connections:
            self._next[agent_id(contract_id, role)] = record
            return ACCEPTED
        if agent is not None and agent.record.failed and connection_id is None:
            return _refused(f"{role} failed after every restart: restart it when the cause is mended")
        if agent is not None and connection_id in (None, *agent.record.connections):
            return ACCEPTED
        if self.capacity == 0 and (agent is None or agent.record.failed):
            return _refused(f"its capacity of {self._capacity} agents is used up")
        if agent is not None:
            agent.hand_over(str(connection_id), task_id)
            return ACCEPTED
        self._live(self._admitted(record))
        return ACCEPTED

    async def restart(self, signal: Signal) -> Answer:
        """Signal `restart`: of an agent, or of a supervisor, by its task."""
        contract_id = str(signal.body["contract_id"])
        role = _id(signal.body, "role") or SUPERVISOR_ROLE
        if str(signal.body.get("reason") or "").startswith(self._around.calls.own_mark):
            return ACCEPTED  # what we ask makima to record comes back
        agent = self.find(contract_id, role)
        if agent is None or agent.is_leaving or self._draining:
            without = {name: value for name, value in signal.body.items() if name != "connection_id"}
            return await self.start(Signal("start", {**without, "role": role}))
        agent.restart()
        event_log.note("agent.restart_asked", **agent.ids, reason=signal.body.get("reason"))
        return ACCEPTED

    async def superseded(self, signal: Signal) -> None:
        """Signal `superseded`: end the process of that connection, not of another one."""
        agent = self.find(str(signal.body["contract_id"]), _id(signal.body, "role") or SUPERVISOR_ROLE)
        if agent is not None and signal.body.get("connection_id") == agent.record.connection_id:
            agent.supersede()

    def resume(self) -> None:
        """Adopt or end what an earlier daemon has left behind, and go on with the agents of its records."""
        records, broken = self._state.load()
        if broken is not None:
            event_log.warn("daemon.state_unreadable", reason=broken)
        expected = {agent_id(each.contract_id, each.role): each for each in records}
        found: dict[str, list[Found]] = {}
        known = dict(expected)
        for env, process in processes.left_behind(
            self._around.workspace.socket, self._around.calls.daemon_id
        ):
            record = _record(env)
            if record is None:
                continue
            name = agent_id(record.contract_id, record.role)
            found.setdefault(name, []).append(process)
            known.setdefault(name, record)
        for name, record in known.items():
            self._resume(record, expected.get(name), found.get(name, []))

    def _resume(self, record: AgentRecord, expected: AgentRecord | None, found: list[Found]) -> None:
        decision = decide(None if expected is None else _expected(expected), found)
        for process in decision.end:
            event_log.warn(
                "agent.left_behind_ended", contract_id=record.contract_id, role=record.role, pid=process.pid
            )
            processes.kill(process)
        if decision.adopt is None and expected is None:
            return
        agent = self._admitted(record)
        if record.stopping:
            agent.stop()  # it has left; makima may not know yet
        elif decision.adopt is not None and decision.connection_id is not None:
            agent.adopt(AgentProcess(decision.adopt), decision.connection_id)
            event_log.note("agent.adopted", **agent.ids, pid=decision.adopt.pid)
        self._live(agent)

    def forget_failed(self, contract_id: str) -> None:
        """Its contract has ended: those that no restart has helped leave."""
        for agent in list(self._agents.values()):
            if agent.record.contract_id == contract_id and agent.record.failed:
                agent.stop()

    async def drain(self) -> None:
        """Start nothing more, end every agent, and let each leave; what makima does not hear, its verdict says later.
        Those that have failed stay so. A supervisor, which never leaves, stays in the record: the next daemon goes on
        with it, as makima leaves that to the daemon which has the contract.
        """
        self._draining = True
        self._kept = {
            name: agent.record.model_copy(update={"attempts": 0})
            for name, agent in self._agents.items()
            if agent.record.role == SUPERVISOR_ROLE and not (agent.record.failed or agent.is_leaving)
        }
        for agent in self.running:
            agent.stop()
        lives = {self._lives[name] for name in self.ids}
        if lives:
            _, late = await asyncio.wait(lives, timeout=self._around.grace + LEAVE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def abandon(self) -> None:
        """End the tasks, not the processes, when the daemon itself fails."""
        for task in self._lives.values():
            task.cancel()
        if self._lives:
            await asyncio.wait(set(self._lives.values()))

    def _admitted(self, record: AgentRecord) -> Agent:
        agent = Agent(record, self._commands.get(record.role), self._around)
        self._agents[agent_id(record.contract_id, record.role)] = agent
        self._changed()
        return agent

    def _live(self, agent: Agent) -> None:
        name = agent_id(agent.record.contract_id, agent.record.role)
        self._lives[name] = asyncio.create_task(self._lived(name, agent), name=f"life of {name}")

    async def _lived(self, name: str, agent: Agent) -> None:
        while True:
            try:
                await agent.run()
                break
            except Exception:  # noqa: BLE001 - of one agent, and no other one's concern
                event_log.failed("agent.watch_failed", **agent.ids)
                await asyncio.sleep(FAILED_RETRY_SECONDS)
        self._agents.pop(name, None)
        self._lives.pop(name, None)
        following = self._next.pop(name, None)
        if following is not None and not self._draining:
            self._live(self._admitted(following))
        self._changed()

    def _changed(self) -> None:
        try:
            records = {name: agent.record for name, agent in self._agents.items()}
            self._state.save({**records, **self._kept}.values())
        except OSError as error:
            event_log.warn("daemon.state_not_saved", reason=str(error))
        self._changed_outside()


def _expected(record: AgentRecord) -> Expected:
    process = None if record.pid is None else ProcessId(record.pid, record.started or "")
    return Expected(record.connection_id, process, record.stopping, record.failed)


def _record(env: Mapping[str, str]) -> AgentRecord | None:
    """The record that an agent's environment tells of; None if something in it is no id."""
    names = ("MAKIMA_CONTRACT", "MAKIMA_ROLE", "MAKIMA_CONNECTION_ID")
    contract_id, role, connection_id = (_id(env, name) for name in names)
    if contract_id is None or role is None or connection_id is None:
        return None
    return AgentRecord(
        contract_id=contract_id, role=role, task_id=_id(env, "MAKIMA_TASK"), connections=(connection_id,)
    )


def _id(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and is_id(value) else None


def _refused(reason: str) -> Answer:
    return {"accepted": False, "reason": reason}
