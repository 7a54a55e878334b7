"""Submits observations to the log as commands: one at a time per sender, many senders concurrently."""

import asyncio
from typing import Final

import structlog
from makima_kernel.commands.handler import CommandHandler
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.daemon import DaemonEvent, ObserveDaemon
from makima_schemas.errors import RETRYABLE_CODES
from makima_schemas.silence import deterministic_id
from makima_schemas.supervisor import ObserveHeartbeat, SupervisorEvent

from makima_supervisor_heartbeat.domain import daemon, supervisor
from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import initial
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.sender_sync import SenderSync

OBSERVATION_WORKERS: Final = 64
ACTOR: Final = "supervisor_heartbeat"
_LOG_RETRY_SECONDS: Final = 0.25  # pause before an observation is submitted again, under the same command id

SupervisorDecisions = CommandHandler[supervisor.Supervisor, supervisor.Command, SupervisorEvent]
DaemonDecisions = CommandHandler[daemon.Daemon, daemon.Command, DaemonEvent]


class ObservationWriter:
    def __init__(
        self,
        observations: ObservationQueue,
        senders: SenderCache,
        sync: SenderSync,
        supervisors: SupervisorDecisions,
        daemons: DaemonDecisions,
    ) -> None:
        self._observations, self._senders, self._sync = observations, senders, sync
        self._supervisors, self._daemons = supervisors, daemons

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
        command_id = deterministic_id("observation", sender.stream, heard.stream_epoch, heard.stream_sequence)
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
        decisions = self._supervisors if isinstance(observation, ObserveHeartbeat) else self._daemons
        if sender.logged == initial(sender.stream):
            decisions.assume_new(request.tenant, request.target)
        match observation:
            case ObserveHeartbeat():
                return await self._supervisors.handle(request, observation)
            case ObserveDaemon():
                return await self._daemons.handle(request, observation)
