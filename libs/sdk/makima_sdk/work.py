"""The tasks that come to an agent: found, claimed, worked on, and given back."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from makima_schemas.contract.model import TaskStatus

from makima_sdk.changes import ContractChanges
from makima_sdk.contracts import Contracts
from makima_sdk.http import Answer, Json, Sender
from makima_sdk.models import ENDED, Contract, Task
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

HELD: Final = frozenset({TaskStatus.CLAIMED, TaskStatus.RUNNING})
# After so many refusals no more are tried until the contract changes: it is paused, for example.
MAX_REFUSED_CLAIMS: Final = 5


class Outbox(Protocol):
    """Delivers what must not be lost while makima is away."""

    async def deliver(self, kind: str, route: str, body: Json) -> Answer | None:
        """None: makima is away, and it is kept to be delivered later, in order."""
        ...


class Work:
    """A task that this agent has claimed. Each method raises `AgentLostError` once the agent is lost."""

    def __init__(self, task: Task, connection_id: str, contracts: Contracts, outbox: Outbox) -> None:
        self.task = task
        self._connection_id = connection_id
        self._contracts = contracts
        self._outbox = outbox

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def name(self) -> str:
        return self.task.name

    async def start(self) -> None:
        """Say that it runs now; nothing is sent if it runs already (after a return of this process)."""
        if self.task.status is not TaskStatus.RUNNING:
            self.task = await self._contracts.start_task(self.task, self._connection_id)

    async def release(self) -> None:
        """Give it back: it is pending again."""
        self.task = await self._contracts.release_task(self.task, self._connection_id)

    async def complete(self, *, success: bool = True, result: str | None = None) -> None:
        """It is done, or failed. While makima is away, this is kept and delivered later, once."""
        await self._deliver("complete", {"success": success, "result": result})

    async def handoff(self, to_role: str, *, result: str | None = None) -> None:
        """It is done, and a new task for `to_role` goes on with it. Kept while makima is away, as a completion."""
        await self._deliver("handoff", {"to_role": to_role, "result": result})

    async def _deliver(self, action: str, body: Json) -> None:
        members = {**body, "connection_id": self._connection_id}
        route = path("contracts", self.task.contract_id, "tasks", self.task.id, action)
        given = {name: value for name, value in members.items() if value is not None}
        await self._outbox.deliver("result", route, given)


class TaskSource:
    """Finds the tasks of one role of one contract, and claims one after another."""

    def __init__(
        self, contract_id: str, role: str, connection_id: str, sender: Sender, outbox: Outbox
    ) -> None:
        self._contract_id = contract_id
        self._role = role
        self._connection_id = connection_id
        self._sender = sender
        self._contracts = Contracts(sender)
        self._outbox = outbox
        self._given: set[str] = set()  # ids of the tasks that this process has received
        # Its connection may hold a task that was not given: of before this process, or of a claim without an answer.
        self._may_hold = True

    async def tasks(self) -> AsyncIterator[Work]:
        """Each task that this agent is to work on, as they come; ends when the contract has ended.

        The tasks that its connection holds come first: those of before an outage, or of before this process.
        """
        changes = ContractChanges(self._sender, self._contract_id)
        while (contract := await changes.next()).status not in ENDED:
            task = await self._take(contract)
            if task is not None:
                changes.forget()
                yield Work(task, self._connection_id, self._contracts, self._outbox)

    async def _take(self, contract: Contract) -> Task | None:
        """A task to work on now; None: there is none until the contract changes."""
        counts = contract.tasks
        if counts.pending == 0 and not (self._may_hold and counts.claimed + counts.running):
            return None  # nothing to find: all tasks of the contract are not read at its every change
        known = await self._contracts.tasks(self._contract_id)
        held = next((task for task in known if self._is_held(task)), None)
        if held is not None:
            self._given.add(held.id)
            return held
        self._may_hold = False
        for task in [task for task in known if self._is_claimable(task)][:MAX_REFUSED_CLAIMS]:
            claimed = await self._claimed(task)
            if claimed is not None:
                self._given.add(claimed.id)
                return claimed
        return None

    async def _claimed(self, task: Task) -> Task | None:
        """None: somebody else was faster, or the contract does not take claims now."""
        before, self._may_hold = self._may_hold, True  # also if this is cancelled before it is answered
        try:
            claimed = await self._contracts.claim_task(task, self._role, self._connection_id)
        except ProblemError:
            return None
        self._may_hold = before
        return claimed

    def _is_held(self, task: Task) -> bool:
        return (
            task.status in HELD and task.connection_id == self._connection_id and task.id not in self._given
        )

    def _is_claimable(self, task: Task) -> bool:
        return (
            task.status is TaskStatus.PENDING and task.role in {None, self._role} and not task.is_supervisor
        )
