"""Reads the agent of the role for which a task call is said, so that the decision holds it against the call."""

from makima_kernel.commands.consultation import Consulted
from makima_kernel.commands.state_cache import StateCache
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.agent import AgentEvent
from makima_schemas.commands import Request
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.refusal import Refused

from makima_contract.domain.agents import AgentFold, AgentRecord, Command, TaskCall, TaskCommand, role_of
from makima_contract.domain.state import Contract
from makima_contract.queries import Queries


class AgentLookup:
    """Reads agents' streams through a cache. The log itself is read, and not a read model of it: one that is
    behind would lead every attempt into the same guard.
    """

    def __init__(self, queries: Queries, log: Log, appender: Appender) -> None:
        self._queries = queries
        self._records: StateCache[AgentRecord, AgentEvent] = StateCache(
            AgentFold(), log, lambda: appender.session
        )

    async def consult(
        self, request: Request[object], command: Command, contract: Contract, /, *, fresh: bool
    ) -> Consulted[Command] | None:
        """The task call with its role's agent; None for every other command, and if no role is known for it.

        Raises `Refused(INVALID_REQUEST)` for a task call with a guard of its own.
        """
        if not isinstance(command, TaskCommand):
            return None
        role = role_of(contract, command)
        if role is None and command.connection_id is not None:
            role = await self._queries.role_of(request.tenant, request.target, command.connection_id)
        if role is None:
            return None
        if request.guarded_by:
            raise Refused(ErrorCode.INVALID_REQUEST, "a task call cannot have a guard")
        stream = stream_name("agent", agent_id(request.target, role))
        read = self._records.reload if fresh else self._records.load
        loaded = await read(request.tenant, stream)
        return Consulted(TaskCall(command, role, loaded.state, loaded.version), (stream, loaded.version))
