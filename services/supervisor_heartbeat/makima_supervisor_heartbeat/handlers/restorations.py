"""Handles `restore_supervisor`: checks what was saved, and hands a connection out to a daemon."""

from datetime import UTC, datetime
from typing import Final

import structlog
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.nats.stream_cursor import epoch_of
from makima_kernel.projections.projector import Projector
from makima_schemas import subjects
from makima_schemas.assignment import Admission, serves
from makima_schemas.commands import Accepted, Problem, Reply, Request, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import stream_name
from makima_schemas.refusal import Refused
from makima_schemas.saved_state import SavedHistory
from makima_schemas.supervisor import RestoreSupervisor
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.placement import ACTOR
from makima_supervisor_heartbeat.domain.restoring import Basis, Claim, Restore, basis_of
from makima_supervisor_heartbeat.handlers.observation_writer import SupervisorDecisions
from makima_supervisor_heartbeat.queries import Queries, RestorationFacts

RESTORATION_CATCH_UP_SECONDS: Final = 1.0

_logger = structlog.get_logger(__name__)


class Restorations:
    def __init__(
        self, supervisors: SupervisorDecisions, queries: Queries, log: Log, projector: Projector, nats: Client
    ) -> None:
        self._supervisors, self._queries, self._nats = supervisors, queries, nats
        self._log, self._projector = log, projector

    def serve(self, router: CommandRouter) -> None:
        """Register the handler. For the gateway: a daemon may name neither another contract nor another daemon."""
        router.command(RestoreSupervisor, self.restore)

    async def restore(self, request: Request[object], command: RestoreSupervisor) -> Reply:
        """Hand the connection out; what the supervisor goes on from is told by the event, for whoever reads the saves.

        A repeat gets the first answer, and so does the same connection again. `SUPERSEDED` while another daemon has
        the contract, is connected, and its supervisor is not dead.
        """
        try:
            head = await self._log.head()
            facts = await self._facts(request, command, head)
            after = await self._end_of_heartbeats()
            basis = basis_of(await self._saved(request))
        except Refused as refused:
            return problem(refused)
        except DATABASE_UNAVAILABLE as error:
            return _unavailable(f"the saved state cannot be read: {type(error).__name__}")
        except (NatsError, TimeoutError) as error:
            return _unavailable(f"the heartbeat stream cannot be read: {type(error).__name__}")
        claim = Claim(facts.holder, facts.holder_disconnected, facts.others_alive)
        restore = Restore(
            command.contract_id, command.daemon_id, command.connection_id, claim, basis, after,
            placed=request.actor == ACTOR,
        )  # fmt: skip
        reply = await self._supervisors.handle(request, restore)
        if isinstance(reply, Accepted) and reply.changed and reply.position > head:  # no repeat
            _note(request.target, command, basis)
        return reply

    async def _facts(
        self, request: Request[object], command: RestoreSupervisor, head: int
    ) -> RestorationFacts:
        """What the log says up to the position `head`. Raises `Refused`: CONTRACT_NOT_FOUND, DAEMON_NOT_FOUND for one that does not serve
        the owner.
        """
        await self._projector.wait_for(head, RESTORATION_CATCH_UP_SECONDS)
        facts = await self._queries.restoration_facts(
            request.tenant, command.contract_id, request.target, command.daemon_id
        )
        if facts is None:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
        if not serves(Admission(facts.serves) if facts.admitted else None, facts.owner_id):
            raise Refused(
                ErrorCode.DAEMON_NOT_FOUND, f"no daemon {command.daemon_id} serves the contract's owner"
            )
        return facts

    async def _end_of_heartbeats(self) -> Arrival:
        """What arrived up to here says nothing about a restoration that is asked for now."""
        info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        return Arrival(epoch_of(info), info.state.last_seq, datetime.now(UTC))

    async def _saved(self, request: Request[object]) -> SavedHistory:
        history = SavedHistory()
        async for events in self._log.pages(request.tenant, stream_name("supervisor", request.target)):
            for recorded in events:
                history.apply(recorded)
        return history


def _note(task_id: str, command: RestoreSupervisor, basis: Basis) -> None:
    """A warning where the supervisor does not go on from all that was saved: nothing was, or some of it is damaged."""
    log = _logger.info if basis.outcome == "resumed" else _logger.warning
    damaged = {} if basis.broken is None else {"damaged_version": basis.broken.version}
    log(
        "supervisor.restoring", contract_id=command.contract_id, task_id=task_id, daemon_id=command.daemon_id,
        connection_id=command.connection_id, outcome=basis.outcome, **damaged,
    )  # fmt: skip


def _unavailable(detail: str) -> Problem:
    return Problem(ErrorCode.UNAVAILABLE, detail, "nothing was changed; send it again with the same key")
