"""Handles `save_state`: how much room there is, then the decision."""

from typing import Final

from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.service.http_settings import QuotaSettings
from makima_schemas.commands import Problem, Reply, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SaveState

from makima_supervisor_heartbeat.domain.saving import Room, Save
from makima_supervisor_heartbeat.handlers.observation_writer import SupervisorDecisions
from makima_supervisor_heartbeat.queries import Queries

SAVE_CATCH_UP_SECONDS: Final = 1.0
_MIB: Final = 2**20


class Saves:
    def __init__(
        self,
        supervisors: SupervisorDecisions,
        queries: Queries,
        log: Log,
        projector: Projector,
        quotas: QuotaSettings,
    ) -> None:
        self._supervisors, self._queries, self._quotas = supervisors, queries, quotas
        self._log, self._projector = log, projector

    def serve(self, router: CommandRouter) -> None:
        """Register the handler. For the gateway: a daemon may name neither another contract nor another daemon."""
        router.command(SaveState, self.save)

    async def save(self, request: Request[object], command: SaveState) -> Reply:
        """Append the save to the supervisor's stream.

        The quotas are held against what the read model counts, which is a moment behind. A supervisor whose first
        heartbeat is recorded and whose registration is on its way is `UNAVAILABLE`, not unknown.
        """
        try:
            room = await self._queries.room(request.tenant, command.contract_id)
            if room is None:  # the contract may be new
                await self._projector.wait_for(await self._log.head(), SAVE_CATCH_UP_SECONDS)
                room = await self._queries.room(request.tenant, command.contract_id)
            if room is None:
                return Problem(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
            reply = await self._supervisors.handle(
                request, self._with_room(command, room.of_contract, room.of_owner)
            )
            unknown = isinstance(reply, Problem) and reply.code is ErrorCode.SUPERVISOR_NOT_FOUND
            if unknown and await self._queries.is_recorded(command.contract_id, request.target):
                return Problem(
                    ErrorCode.UNAVAILABLE,
                    "its first heartbeat is being recorded",
                    "nothing was saved; send it again",
                )
        except DATABASE_UNAVAILABLE as error:
            return Problem(
                ErrorCode.UNAVAILABLE,
                f"the quotas cannot be read from the database: {type(error).__name__}",
                "nothing was saved; send it again",
            )
        return reply

    def _with_room(self, command: SaveState, of_contract: int, of_owner: int) -> Save:
        room = Room(
            of_contract,
            int(self._quotas.saved_state_mib_per_contract * _MIB),
            of_owner,
            int(self._quotas.saved_state_mib_per_owner * _MIB),
        )
        return Save(command.contract_id, command.kind, command.content, command.connection_id, room)
