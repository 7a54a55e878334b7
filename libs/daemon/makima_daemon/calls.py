"""What the daemon asks makima about its agents. While makima is away, a call waits: each agent's calls come in
their order, none is left out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar
from uuid import uuid4

from makima_schemas.agent import AgentStatus, Restarts
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.agents import Agents
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http, Json, is_transient
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError, UnreachableError

from makima_daemon import event_log
from makima_daemon.endings import AgentFacts

R = TypeVar("R")

AWAY_RETRY_SECONDS: Final = 1.0
# For a contract that was just placed here: its start comes before the log says whose it is.
UNKNOWN_RETRY_SECONDS: Final = 0.5
UNKNOWN_FOR_SECONDS: Final = 30.0
_UNKNOWN: Final = frozenset({403, 404})
# Not refused either: too many requests, and a fault of makima's own, which a later attempt may not meet.
_LATER: Final = frozenset({429, 500})


class TokenRefusedError(Exception):
    """makima gives no token for this agent; the message says why."""


@dataclass(frozen=True, slots=True)
class Calls:
    http: Http
    daemon_id: str

    async def token(self, contract_id: str, role: str, connection_id: str) -> str:
        """A token for this connection alone. Raises `TokenRefusedError`.

        Each attempt has an idempotency key of its own: makima shows a token once, so that after a lost answer it
        refuses the same key. The token that nobody got ends with the connection.
        """
        where = path("contracts", contract_id, "agents", role, "token")
        body = {"connection_id": connection_id}
        deadline = asyncio.get_running_loop().time() + UNKNOWN_FOR_SECONDS
        while True:
            try:
                answer = await patiently(lambda: self.http.send("POST", where, body, retry_for=0))
                return str(answer.body["token"])
            except ProblemError as refused:
                if refused.status not in _UNKNOWN or asyncio.get_running_loop().time() > deadline:
                    raise TokenRefusedError(str(refused)) from refused
            await asyncio.sleep(UNKNOWN_RETRY_SECONDS)

    async def known(self, contract_id: str, role: str) -> AgentFacts:
        """What the agent's contract and its record are now."""
        try:
            contract = await patiently(lambda: Contracts(self.http).get(contract_id))
        except ProblemError:
            return AgentFacts(None)
        try:
            record = await patiently(lambda: Agents(self.http).get(contract_id, role))
        except ProblemError:  # it never joined
            return AgentFacts(contract.status)
        return AgentFacts(contract.status, record.connection_id, record.status_now)

    async def crashed(self, contract_id: str, role: str, reason: str, restarts: Restarts) -> None:
        """Report `restarting`; for a supervisor, which has no status to report, record its restart."""
        if role == SUPERVISOR_ROLE:
            where = path("contracts", contract_id, "supervisor", "restart")
            await self._told("restarting", where, {"reason": self.own_reason(reason)}, contract_id, role)
        else:
            await self._report(contract_id, role, AgentStatus.RESTARTING, reason, restarts)

    async def suspended(self, contract_id: str, role: str, reason: str) -> None:
        """Report `dead`: the agent will not come back by itself."""
        if role != SUPERVISOR_ROLE:
            await self._report(contract_id, role, AgentStatus.DEAD, reason)

    async def exhausted(self, contract_id: str, role: str, reason: str) -> None:
        """Report `dead_failed_revive`, which only an agent that is restarting can become. A supervisor's silence is
        judged by the verdict alone.
        """
        if role != SUPERVISOR_ROLE:
            await self._report(contract_id, role, AgentStatus.RESTARTING, reason)
            await self._report(contract_id, role, AgentStatus.DEAD_FAILED_REVIVE, reason)

    async def leave(self, contract_id: str, role: str, connection_id: str) -> None:
        if role != SUPERVISOR_ROLE:
            where = path("contracts", contract_id, "agents", role, "leave")
            await self._told("leave", where, {"connection_id": connection_id}, contract_id, role)

    async def restore(self, contract_id: str, task_id: str | None, connection_id: str) -> None:
        """Make `connection_id` the one in force of the contract's supervisor."""
        where = path("contracts", contract_id, "supervisor", "restore")
        body = {"daemon_id": self.daemon_id, "connection_id": connection_id}
        body |= {} if task_id is None else {"task_id": task_id}
        await self._told("restore", where, body, contract_id, SUPERVISOR_ROLE)

    def own_reason(self, reason: str) -> str:
        """Of a restart that this daemon asked for: makima signals it back."""
        return f"{self.own_mark} {reason}"

    @property
    def own_mark(self) -> str:
        return f"seen by {self.daemon_id}:"

    async def _report(
        self, contract_id: str, role: str, status: AgentStatus, reason: str, restarts: Restarts | None = None
    ) -> None:
        """Without a connection: whichever is in force, as one that never joined is in no record."""
        where = path("contracts", contract_id, "agents", role, "status")
        body: dict[str, object] = {"agent_status": status.value, "reason": reason[:500]}
        if restarts is not None:
            body["restarts"] = asdict(restarts)
        await self._told(status.value, where, body, contract_id, role)

    async def _told(self, what: str, where: str, body: Json, contract_id: str, role: str) -> None:
        """A refusal is logged: what makima knows by then is newer."""
        try:
            await self._post(where, body)
        except ProblemError as refused:
            event_log.warn(
                "agent.report_refused", contract_id=contract_id, role=role, report=what, reason=str(refused)
            )
        else:
            event_log.note("agent.reported", contract_id=contract_id, role=role, report=what)

    async def _post(self, where: str, body: Json) -> Json:
        """Until makima answers, with one idempotency key: an attempt whose answer was lost is not done twice."""
        key = str(uuid4())
        return (await patiently(lambda: self.http.send("POST", where, body, key=key))).body


async def patiently(call: Callable[[], Awaitable[R]]) -> R:
    """The result of `call`, which is repeated until makima answers. Raises `ProblemError` for a refusal."""
    while True:
        try:
            return await call()
        except UnreachableError:
            pass
        except ProblemError as problem:
            if not is_transient(problem) and problem.status not in _LATER:
                raise
        await asyncio.sleep(AWAY_RETRY_SECONDS)
