"""Has agents started for tasks that nobody takes (agents.md, Tasks and agents). The contract service asks the
contract's daemon.
"""

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

_logger = structlog.get_logger(__name__)


class RoleRequester:
    """The contract's daemon is asked to start a role at once when tasks begin to wait for it, and a second time if
    they wait still, `pending_seconds` after it accepted. One request is about all the tasks that wait for the role.

    A refusal is no start, nor is that nobody could be asked: soon it is asked again, ever later while it is so.
    """

    def __init__(self, queries: Queries, bus: Bus, time: WatchedTime, *, pending_seconds: float) -> None:
        self._queries, self._bus, self._time = queries, bus, time
        self._pending_seconds = pending_seconds
        self._waiting = EpisodeTimers[WaitingRole]()
        self._new = EpisodeTimers[WaitingRole]()  # with tasks for which nobody has accepted yet
        self._logged: dict[WaitingRole, str] = {}  # why nobody starts it, as it was logged

    async def run(self) -> None:
        await scan_contracts(self._scan, self._time)

    async def _scan(self, lanes: ContractLanes) -> None:
        busy = lanes.busy
        waiting = await self._queries.waiting_roles(MAX_WAITING_ROLES)
        watched = self._time.seconds()
        late = dict.fromkeys(self._waiting.watch(waiting, watched, self._pending_seconds))
        new = self._new.watch([role for role in waiting if not role.asked_at_once], watched, 0.0)
        self._logged = {role: self._logged[role] for role in waiting if role in self._logged}

        async def ask(role: WaitingRole) -> None:
            await (self._ask_again(role) if role in late else self._ask_at_once(role))

        lanes.begin(late | dict.fromkeys(new), ask, busy=busy)

    async def _ask_at_once(self, role: WaitingRole) -> None:
        """When tasks begin to wait, until the daemon has accepted."""
        if await self._ask(role):
            self._waiting.restart(role)
            await self._queries.mark_asked_at_once(role)
        else:
            self._new.retry(role, 0.0)

    async def _ask_again(self, role: WaitingRole) -> None:
        """When the oldest has waited too long, until the daemon has accepted."""
        if await self._ask(role):
            await self._queries.mark_requested(role)
        else:
            self._new.retry(role, 0.0)
            self._waiting.retry(role, self._pending_seconds)

    async def _ask(self, role: WaitingRole) -> bool:
        """True: the daemon may be starting the role."""
        question: dict[str, object] = {
            "contract_id": role.contract_id,
            "task_id": role.task_id,
            "tenant": role.tenant,
        }
        answer = await self._bus.query(CONTRACT_SERVICE, "ask_for_role", question)
        if isinstance(answer, Problem):
            self._note_refusal(role, None, answer.detail)
            return False
        daemon_id = cast("str | None", answer.get("daemon_id"))
        if not answer.get("requested"):
            self._note_refusal(role, daemon_id, str(answer.get("reason")))
            return False
        self._logged.pop(role, None)
        _logger.info("role_tasks.role_asked_for", **_ids(role), daemon_id=daemon_id)
        return True

    def _note_refusal(self, role: WaitingRole, daemon_id: str | None, reason: str) -> None:
        """Logged once, and again when it is for another reason. `daemon_id` None: nobody could be asked."""
        if self._logged.get(role) == reason:
            return
        self._logged[role] = reason
        event = "role_tasks.nobody_to_ask" if daemon_id is None else "role_tasks.role_refused"
        _logger.warning(event, **_ids(role), daemon_id=daemon_id, reason=reason)


def _ids(role: WaitingRole) -> dict[str, str]:
    """For the log."""
    return {"contract_id": role.contract_id, "task_id": role.task_id, "role": role.role}
