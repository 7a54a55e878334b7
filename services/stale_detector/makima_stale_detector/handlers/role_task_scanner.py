"""Has tasks of agents that stay away returned, and agents started for tasks that nobody takes (agents.md, Tasks and
agents). The contract service does both, by command.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Final, TypeVar, cast

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.appender import LOG_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import ReturnTasks
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.silence import deterministic_id

from makima_stale_detector.domain.role_tasks import EpisodeTimers
from makima_stale_detector.handlers.detection_loop import ACTOR
from makima_stale_detector.handlers.read_model_lag import lags
from makima_stale_detector.queries import AwayAgent, Queries, WaitingTask

ROLE_SCAN_SECONDS: Final = 0.5
ROLE_SCAN_BATCH_SIZE: Final = 5000  # of each kind: those that have waited longest
ASK_AGAIN_SECONDS: Final = 10.0  # where no daemon has the contract yet, or it cannot be reached
# A daemon that does not answer takes two seconds of a question; it is not to take them of everybody else's.
MAX_CONCURRENT_REQUESTS: Final = 16
CONTRACT_SERVICE: Final = "contract"

K = TypeVar("K")

_logger = structlog.get_logger(__name__)


class RoleTaskScanner:
    """Scans while the read model follows the log and `local_health` returns None; only that time counts.

    `claimed_seconds`: how long an agent may be dead or offline before its role's tasks are returned.
    The contract's daemon is asked to start the role of a waiting task at once, and a second time after
    `pending_seconds`.
    """

    def __init__(
        self,
        queries: Queries,
        projector: Projector,
        log: Log,
        bus: Bus,
        *,
        claimed_seconds: float,
        pending_seconds: float,
        local_health: Callable[[], str | None],
    ) -> None:
        self._queries, self._projector, self._log, self._bus = queries, projector, log, bus
        self._claimed_seconds, self._pending_seconds = claimed_seconds, pending_seconds
        self._local_health = local_health
        self._away, self._waiting = EpisodeTimers[AwayAgent](), EpisodeTimers[WaitingTask]()
        self._new = EpisodeTimers[WaitingTask]()  # for which nobody was asked yet
        self._watched_at: float | None = (
            None  # the last scan, on the monotonic clock; None: that one was blind
        )

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            try:
                await self._scan()
            except LOG_UNAVAILABLE as error:
                self._watched_at = None
                _logger.warning("role_tasks.scan_failed", reason=repr(error))
            await asyncio.sleep(ROLE_SCAN_SECONDS)

    async def _scan(self) -> None:
        if (
            not self._projector.active
            or self._local_health() is not None
            or await lags(self._projector, self._log, self._queries)
        ):
            self._watched_at = None
            return
        away = await self._queries.away_agents(ROLE_SCAN_BATCH_SIZE)
        waiting = await self._queries.waiting_tasks(ROLE_SCAN_BATCH_SIZE)
        watched = self._watched_seconds()
        await for_each(self._away.watch(away, watched, self._claimed_seconds), self._return)
        new = [task for task in waiting if not task.asked_at_once]
        await for_each(self._new.watch(new, watched, 0.0), self._ask_at_once)
        late = self._waiting.watch(_episodes(waiting), watched, self._pending_seconds)
        await for_each(late, self._ask_again)

    def _watched_seconds(self) -> float:
        """The time since the last scan. Of a longer gap, in which this process was frozen, only a scan's length."""
        now, before = monotonic(), self._watched_at
        self._watched_at = now
        return 0.0 if before is None else min(now - before, 2 * ROLE_SCAN_SECONDS)

    async def _return(self, agent: AwayAgent) -> None:
        """Returns all that the role holds, unless its agent has done anything since: then the guard refuses it."""
        reason = "agent_dead" if agent.status == AgentStatus.DEAD else "agent_offline"
        command = ReturnTasks(agent.role, agent.version + 1, reason)
        request = Request(
            deterministic_id("return", agent.tenant, agent.contract_id, agent.role, agent.version),
            agent.contract_id,
            asdict(command),
            actor=ACTOR,
            tenant=agent.tenant,
            guard=(stream_name("agent", agent_id(agent.contract_id, agent.role)), agent.version),
        )
        reply = await self._bus.ask(CONTRACT_SERVICE, "return_tasks", request)
        if isinstance(reply, Problem) and reply.code is not ErrorCode.VERSION_CONFLICT:
            _logger.warning(
                "role_tasks.not_returned",
                contract_id=agent.contract_id,
                role=agent.role,
                code=reply.code,
                detail=reply.detail,
            )

    async def _ask_at_once(self, task: WaitingTask) -> None:
        """Asks once, when the task begins to wait. Where nobody could be asked, again a little later."""
        answer = await self._ask(task)
        if answer.daemon_id is None:
            self._new.postpone(task, ASK_AGAIN_SECONDS)
        else:
            await self._queries.mark_asked_at_once(task)

    async def _ask_again(self, task: WaitingTask) -> None:
        """Asks once more, when it has waited too long. Where nobody could be asked, again after another timeout."""
        answer = await self._ask(task)
        if answer.requested:
            await self._queries.mark_requested(task)
        else:
            self._waiting.restart(task)

    async def _ask(self, task: WaitingTask) -> "Answer":
        question: dict[str, object] = {
            "contract_id": task.contract_id,
            "task_id": task.task_id,
            "tenant": task.tenant,
        }
        answer = await self._bus.query(CONTRACT_SERVICE, "ask_for_role", question)
        log = _logger.bind(contract_id=task.contract_id, task_id=task.task_id, role=task.role)
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


def _episodes(waiting: Iterable[WaitingTask]) -> list[WaitingTask]:
    """The same episodes, whether or not somebody was asked since: their time goes on."""
    return [replace(task, asked_at_once=True) for task in waiting]


async def for_each(episodes: Iterable[K], act: Callable[[K], Awaitable[None]]) -> None:
    """Acts on all of them, a few at the same time."""
    free = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def one(episode: K) -> None:
        async with free:
            await act(episode)

    await asyncio.gather(*map(one, episodes))
