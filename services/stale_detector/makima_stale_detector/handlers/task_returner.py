"""Has the tasks of agents that stay away returned (agents.md, Tasks and agents). The contract service does it, by
command.
"""

from dataclasses import asdict
from typing import Final

import structlog
from makima_kernel.commands.client import Bus
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import ReturnTasks
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.silence import deterministic_id

from makima_stale_detector.domain.role_tasks import EpisodeTimers
from makima_stale_detector.handlers.contract_lanes import ContractLanes, scan_contracts
from makima_stale_detector.handlers.detection_loop import ACTOR
from makima_stale_detector.handlers.watched_time import WatchedTime
from makima_stale_detector.queries import AwayAgent, Queries

MAX_AWAY_AGENTS: Final = 5000  # that one scan looks at
CONTRACT_SERVICE: Final = "contract"

_logger = structlog.get_logger(__name__)


class TaskReturner:
    """`claimed_seconds`: how long an agent may be dead or offline before its role's tasks are returned."""

    def __init__(self, queries: Queries, bus: Bus, time: WatchedTime, *, claimed_seconds: float) -> None:
        self._queries, self._bus, self._time = queries, bus, time
        self._claimed_seconds = claimed_seconds
        self._away = EpisodeTimers[AwayAgent]()

    async def run(self) -> None:
        await scan_contracts(self._scan, self._time)

    async def _scan(self, lanes: ContractLanes) -> None:
        busy = lanes.busy
        away = await self._queries.away_agents(MAX_AWAY_AGENTS)
        late = self._away.watch(away, self._time.seconds(), self._claimed_seconds)
        lanes.begin(late, self._return, busy=busy)

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
