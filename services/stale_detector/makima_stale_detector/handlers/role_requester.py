"""Has agents started for tasks that nobody takes (agents.md, Tasks and agents). The contract service asks the
contract's daemon.
"""

from dataclasses import dataclass
from typing import Final, cast

import structlog
from makima_kernel.commands.client import Bus
from makima_schemas.commands import Problem

from makima_stale_detector.domain.role_tasks import EpisodeTimers
from makima_stale_detector.handlers.contract_lanes import ContractLanes, scan_contracts
from makima_stale_detector.handlers.task_returner import CONTRACT_SERVICE
from makima_stale_detector.handlers.watched_time import WatchedTime
from makima_stale_detector.queries import Queries, WaitingRole

MAX_WAITING_ROLES: Final = 5000  # that one scan looks at, one of each contract before the second of any
ASK_AGAIN_SECONDS: Final = 10.0  # where no daemon has the contract yet, or it cannot be reached

_logger = structlog.get_logger(__name__)


class RoleRequester:
    """The contract's daemon is asked to start a role at once when tasks begin to wait for it, and a second time after
    `pending_seconds`. One request is about all the tasks that wait for the role.
    """

    def __init__(self, queries: Queries, bus: Bus, time: WatchedTime, *, pending_seconds: float) -> None:
        self._queries, self._bus, self._time = queries, bus, time
        self._pending_seconds = pending_seconds
        self._waiting = EpisodeTimers[WaitingRole]()
        self._new = EpisodeTimers[WaitingRole]()  # with tasks for which nobody was asked yet

    async def run(self) -> None:
        await scan_contracts(self._scan, self._time)

    async def _scan(self, lanes: ContractLanes) -> None:
        busy = lanes.busy
        waiting = await self._queries.waiting_roles(MAX_WAITING_ROLES)
        watched = self._time.seconds()
        late = dict.fromkeys(self._waiting.watch(waiting, watched, self._pending_seconds))
        new = self._new.watch([role for role in waiting if not role.asked_at_once], watched, 0.0)

        async def ask(role: WaitingRole) -> None:
            await (self._ask_again(role) if role in late else self._ask_at_once(role))

        lanes.begin(late | dict.fromkeys(new), ask, busy=busy)

    async def _ask_at_once(self, role: WaitingRole) -> None:
        """Asks once, when tasks begin to wait. Where nobody could be asked, again a little later."""
        answer = await self._ask(role)
        if answer.daemon_id is None:
            self._new.postpone(role, ASK_AGAIN_SECONDS)
        else:
            await self._queries.mark_asked_at_once(role)

    async def _ask_again(self, role: WaitingRole) -> None:
        """Asks once more, when the oldest has waited too long. Where nobody could be asked, again after another timeout."""
        answer = await self._ask(role)
        if answer.requested:
            await self._queries.mark_requested(role)
        else:
            self._waiting.restart(role)

    async def _ask(self, role: WaitingRole) -> "Answer":
        question: dict[str, object] = {
            "contract_id": role.contract_id,
            "task_id": role.task_id,
            "tenant": role.tenant,
        }
        answer = await self._bus.query(CONTRACT_SERVICE, "ask_for_role", question)
        log = _logger.bind(contract_id=role.contract_id, task_id=role.task_id, role=role.role)
        if isinstance(answer, Problem):
            log.warning("role_tasks.nobody_to_ask", reason=answer.detail)
            return Answer(requested=False, daemon_id=None)
        reached = Answer(bool(answer.get("requested")), cast("str | None", answer.get("daemon_id")))
        if reached.requested:
            log.info("role_tasks.role_asked_for", daemon_id=reached.daemon_id)
        else:
            log.warning("role_tasks.nobody_to_ask", daemon_id=reached.daemon_id, reason=answer.get("reason"))
        return reached


@dataclass(frozen=True, slots=True)
class Answer:
    requested: bool  # it may be starting the role
    daemon_id: str | None  # who was asked, and may have refused; None: nobody could be asked
