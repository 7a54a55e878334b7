"""What happens to an agent and its tasks in any order, by the commands of the real services, and what must hold then."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, TypeVar
from uuid import uuid4

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from makima_contract import app as contract
from makima_contract.domain.statuses import HELD
from makima_kernel.commands.decider import fold
from makima_kernel.commands.router import snake_case
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import (
    BEATING,
    AgentCommand,
    AgentEvent,
    AgentStatus,
    CleanUpAgent,
    DeclareAgentSilent,
    DeclareRestartExpired,
    JoinAgent,
    LeaveAgent,
    ReportAgentStatus,
    RestartAgent,
)
from makima_schemas.codec import Event, decode
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.contract import commands as c
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import TaskStatus
from makima_schemas.envelope import Recorded
from makima_schemas.errors import ErrorCode
from makima_supervisor_heartbeat import app as heartbeats
from makima_supervisor_heartbeat.domain.agents.agent import Agent, AgentDecider

from tests.guarantees.agent_services import DAEMON, ROLE, Services, check_history, evidence, task_command
from tests.services.contract.contract_states import DECIDER

T = TypeVar("T")
CONNECTIONS: Final = st.sampled_from(("a", "b", "c", "d"))
IN_FORCE: Final = "in force"  # whichever is: else most calls would only be refused
CALLERS: Final = st.one_of(st.just(IN_FORCE), CONNECTIONS)
STEPS: Final = (
    *(("claim",), ("claim", "start"), ("start", "release"), ("release",), ("complete",)),
    *(("claim", "hand_off"), ("hand_off",)),
)
ENDS: Final = st.sampled_from(("complete", "hand_off"))
NAMES: Final = ("t1", "t2", "t3", "t4")
TASKS: Final = st.sampled_from(NAMES)
REPORTED: Final = st.sampled_from((AgentStatus.RESTARTING, AgentStatus.DEAD_FAILED_REVIVE, AgentStatus.DEAD))
REFUSALS: Final = {
    ErrorCode.SUPERSEDED,
    ErrorCode.REJOIN_REQUIRED,
    ErrorCode.INVALID_TRANSITION,
    ErrorCode.PARTICIPANT_NOT_FOUND,
    ErrorCode.VERSION_CONFLICT,
}
EVERYTHING: Final = {
    *("join_agent", "leave_agent", "report_agent_status", "clean_up_agent"),
    *("declare_agent_silent", "declare_restart_expired"),
    *("claim_task", "start_task", "release_task", "complete_task", "hand_off_task", "restart_agent"),
}


class AnyOrder(RuleBasedStateMachine):
    """One role with four tasks, and four processes that come and go."""

    services: ClassVar[Services]

    def __init__(self) -> None:
        super().__init__()
        self.contract_id = f"c{next(self.services.numbers)}"
        self.target = f"{self.contract_id}:{ROLE}"
        self.status: AgentStatus | None = None  # when it was looked at last; chooses what is tried next
        for command in (
            c.CreateContract("demo", "ada", auto_complete_enabled=False),
            c.StartContract(),
            c.AssignContract(DAEMON, "first_heard"),
            *(c.CreateTask(name, name, role=ROLE) for name in NAMES),
        ):
            assert isinstance(self._wait(self._to_contract(command)), Accepted)

    @rule(connection=CONNECTIONS)
    def joins(self, connection: str) -> None:
        before = self._agent()
        reply = self._wait(self._to_agent(JoinAgent(connection)))
        if connection in before.fenced:
            assert isinstance(reply, Problem)
            assert reply.code is ErrorCode.SUPERSEDED
        else:
            self._is_healthy(connection, reply)

    @rule(connection=CALLERS)
    def leaves(self, connection: str) -> None:
        self._asked(LeaveAgent(self._of(connection)))

    @rule(connection=CONNECTIONS)
    def beats(self, connection: str) -> None:
        """Of whichever connection: it changes nobody's status."""
        before = self._agent().connection_id
        members = {"contract_id": self.contract_id, "role": ROLE, "connection_id": connection, "seq": 1}
        body = orjson.dumps({**members, "timestamp": datetime.now(UTC)})
        subject = subjects.agent_heartbeat("d1", self.contract_id, ROLE)
        self._wait(self.services.nats.jetstream().publish(subject, body))
        assert self._agent().connection_id == before

    @rule(connection=CALLERS, justified=st.booleans())
    def is_judged_silent(self, connection: str, justified: bool) -> None:
        self._asked(DeclareAgentSilent(self._of(connection), evidence(justified=justified)))

    @rule()
    def is_restarted(self) -> None:
        """Its daemon is connected, and takes the order."""
        self._asked(RestartAgent())

    @rule(status=REPORTED, connection=CALLERS)
    def is_reported(self, status: AgentStatus, connection: str) -> None:
        self._asked(ReportAgentStatus(status, self._of(connection)))

    @precondition(lambda self: self.status in {None, AgentStatus.RESTARTING})
    @rule(back=st.integers(0, 1))
    def is_not_back_in_time(self, back: int) -> None:
        """A verdict on the restart under way, or on an older one."""
        since = max(self._agent().since_version - back, 0)
        self._asked(DeclareRestartExpired(since, evidence(justified=True)))

    @precondition(lambda self: self.status not in BEATING)
    @rule()
    def is_cleaned_up(self) -> None:
        self._asked(CleanUpAgent(), expected=self._agent().version)

    @rule(task=TASKS, connection=CALLERS, steps=st.sampled_from(STEPS), returns=st.booleans())
    def works(self, task: str, connection: str, steps: tuple[str, ...], returns: bool) -> None:
        """`returns`: it joins before, as a process does that was told to."""
        caller = self._of(connection)
        if returns:
            self._asked(JoinAgent(caller))
        for step in steps:
            self._in_force_if_accepted(
                self._wait(self._to_contract(task_command(step, task, caller))), caller
            )

    @rule(old=CALLERS, new=CONNECTIONS, task=TASKS, end=ENDS)
    def works_while_another_joins(self, old: str, new: str, task: str, end: str) -> None:
        caller = self._of(old)

        async def both() -> None:
            calls = [self._to_contract(task_command(step, task, caller)) for step in ("claim", end)]
            replies = await asyncio.gather(self._to_agent(JoinAgent(new)), *calls)
            assert {each.code for each in replies if isinstance(each, Problem)} <= REFUSALS

        self._wait(both())

    def teardown(self) -> None:
        """One join, of the connection in force or of a new one, and the agent works off all that there is."""
        known = self._agent()
        connection = known.connection_id if known.version % 2 and known.connection_id else "the-last"
        self._is_healthy(connection, self._wait(self._to_agent(JoinAgent(connection))))
        self._wait(eventually(self._nobody_else_holds_a_task, because="a task is held for ever"))
        for task in NAMES:
            self._wait(eventually(lambda task=task: self._done(task, connection), because=f"{task} is lost"))
        check_history(self._wait(self._recorded()), NAMES)

    # What is asked

    def _of(self, connection: str) -> str:
        return (self._agent().connection_id or "a") if connection == IN_FORCE else connection

    def _asked(self, command: AgentCommand, expected: int | None = None) -> None:
        reply = self._wait(self._to_agent(command, expected))
        self._agent()
        if isinstance(reply, Problem):
            assert reply.code in REFUSALS, reply

    async def _to_agent(self, command: AgentCommand, expected: int | None = None) -> Reply:
        name = snake_case(type(command).__name__)
        request: Request[object] = Request(uuid4(), self.target, asdict(command), expected_version=expected)
        return self._counted(name, await self.services.bus.ask(heartbeats.NAME, name, request))

    async def _to_contract(self, command: c.ContractCommand) -> Reply:
        """As whoever speaks: the log has the connection of a completion as its actor alone."""
        actor = getattr(command, "connection_id", None) or "test"
        request: Request[object] = Request(uuid4(), self.contract_id, asdict(command), actor=actor)
        name = snake_case(type(command).__name__)
        return self._counted(name, await self.services.bus.ask(contract.NAME, name, request))

    def _counted(self, name: str, reply: Reply) -> Reply:
        self.services.changed[name] += isinstance(reply, Accepted) and reply.changed
        return reply

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.services.wait(coroutine)

    # What must hold

    def _is_healthy(self, connection: str, reply: Reply) -> None:
        assert isinstance(reply, Accepted), reply
        agent = self._agent()
        assert (agent.connection_id, agent.status in BEATING) == (connection, True)

    def _in_force_if_accepted(self, reply: Reply, connection: str) -> None:
        if isinstance(reply, Problem):
            assert reply.code in REFUSALS, reply
            return
        agent = self._agent()
        in_force = agent.version == 0 or (agent.connection_id, agent.status in BEATING) == (connection, True)
        assert in_force or not reply.changed, "a repeat changes nothing, whoever sends it"

    async def _nobody_else_holds_a_task(self) -> bool:
        in_force = (await self._read_agent()).connection_id
        tasks = fold(DECIDER, await self._of_contract()).tasks.values()
        return all(each.connection_id == in_force for each in tasks if each.status in HELD)

    async def _done(self, task: str, connection: str) -> bool:
        if fold(DECIDER, await self._of_contract()).tasks[task].status is TaskStatus.COMPLETED:
            return True
        for step in ("claim", "complete"):
            await self._to_contract(task_command(step, task, connection))
        return False

    async def _recorded(self) -> list[Recorded]:
        log = self.services.log
        of_agent = await log.stream("default", f"agent-{self.target}")
        of_contract = await log.stream("default", f"contract-{self.contract_id}")
        return sorted([*of_agent, *of_contract], key=lambda each: each.position)

    def _agent(self) -> Agent:
        agent = self._wait(self._read_agent())
        self.status = agent.status
        return agent

    async def _read_agent(self) -> Agent:
        events = await self._events(f"agent-{self.target}")
        return fold(AgentDecider(), [each for each in events if isinstance(each, AgentEvent)])

    async def _of_contract(self) -> list[ContractEvent]:
        events = await self._events(f"contract-{self.contract_id}")
        return [each for each in events if isinstance(each, ContractEvent)]

    async def _events(self, stream: str) -> list[Event]:
        recorded = await self.services.log.stream("default", stream)
        return [decode(each.type, each.schema, each.data) for each in recorded]
