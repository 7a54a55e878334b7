"""Submits observations to the log as commands: one at a time per sender, many senders concurrently."""

import asyncio
from typing import Final, NamedTuple

import structlog
from makima_kernel.commands.handler import CommandHandler
from makima_schemas.agent import AgentEvent
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.daemon import DaemonEvent, ObserveDaemon
from makima_schemas.errors import RETRYABLE_CODES
from makima_schemas.silence import deterministic_id
from makima_schemas.supervisor import ObserveHeartbeat, SupervisorEvent

from makima_supervisor_heartbeat.domain import daemon, supervisor, supervisor_state
from makima_supervisor_heartbeat.domain.agents import triggers
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import initial
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.sender_sync import SenderSync

OBSERVATION_WORKERS: Final = 64
ACTOR: Final = "supervisor_heartbeat"
_LOG_RETRY_SECONDS: Final = 0.25  # pause before an observation is submitted again, under the same command id

SupervisorDecisions = CommandHandler[supervisor_state.Supervisor, supervisor.Command, SupervisorEvent]
AgentDecisions = CommandHandler[Agent, triggers.Command, AgentEvent]
# Of the command ids: a heartbeat may be observed in more than one way.
_KINDS: Final = {
    ObserveHeartbeat: "observation",
    ObserveDaemon: "observation",
    ObserveStuck: "stuck",
    ObserveProgress: "progress",
}
DaemonDecisions = CommandHandler[daemon.Daemon, daemon.Command, DaemonEvent]


class CommandHandlers(NamedTuple):
    """Where commands about senders are decided."""

    supervisors: SupervisorDecisions
    daemons: DaemonDecisions
    agents: AgentDecisions


class ObservationWriter:
    def __init__(
        self,
        observations: ObservationQueue,
        senders: SenderCache,
        sync: SenderSync,
        decisions: CommandHandlers,
    ) -> None:
        self._observations, self._senders, self._sync = observations, senders, sync
        self._supervisors, self._daemons, self._agents = decisions

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(OBSERVATION_WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            sender, observations = await self._observations.take()
            while observations:
                position = await self._decide(sender, observations[0])
                observations.popleft()
                self._observations.put(
                    self._senders.observation_decided(sender, position, self._sync.position)
                )
            self._observations.release(sender)

    async def _decide(self, sender: Sender, observation: Observation) -> int:
        """Submit an observation until it is decided. Returns the position of its event; 0: none."""
        heard = observation.heard
        kind = _KINDS[type(observation)]
        command_id = deterministic_id(kind, sender.stream, heard.stream_epoch, heard.stream_sequence)
        request: Request = Request(command_id, sender.entity_id, {}, actor=ACTOR)
        while True:
            match await self._handle(sender, request, observation):
                case Accepted(version, position, changed):
                    if sender.logged == initial(sender.stream) and (version > 1 or not changed):
                        # The cache had no state of it, but the log has events.
                        await self._sync.reload(sender)
                    return position if changed else 0
                case Problem(code) if code in RETRYABLE_CODES:
                    await asyncio.sleep(_LOG_RETRY_SECONDS)
                case Problem() as problem:
                    structlog.get_logger().warning(
                        "observation.refused", sender=sender.stream, code=problem.code, detail=problem.detail
                    )
                    return 0

    async def _handle(self, sender: Sender, request: Request[object], observation: Observation) -> Reply:
        is_new = sender.logged == initial(sender.stream)
        match observation:
            case ObserveHeartbeat():
                if is_new:
                    self._supervisors.assume_new(request.tenant, request.target)
                return await self._supervisors.handle(request, observation)
            case ObserveDaemon():
                if is_new:
                    self._daemons.assume_new(request.tenant, request.target)
                return await self._daemons.handle(request, observation)
            case ObserveStuck() | ObserveProgress():
                decisions = self._agents if isinstance(sender.logged, Agent) else self._supervisors
                return await decisions.handle(request, observation)
