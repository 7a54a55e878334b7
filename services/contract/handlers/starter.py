"""Starts a contract when its supervisor is first heard (domain.md, Status: created → active)."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.log.away import AWAY
from makima_kernel.log.projection import Applied
from makima_kernel.service import traces
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import StartContract
from makima_schemas.errors import Code

from services.contract.handlers.commands import ContractDecisions
from services.contract.projections import heard_for
from services.contract.queries import Owed, Queries

NAMESPACE: Final = UUID("b1d6b7d2-6a0e-5d0c-8a35-0f8f5f8a7c11")
ACTOR: Final = "supervisor"
AT_ONCE: Final = 100
IDLE_SECONDS: Final = 1.0  # starts that another replica's projection has found, or that found the log away
AGAIN: Final = frozenset({Code.UNAVAILABLE, Code.OVERLOADED})


class Starter:
    """`run` until cancelled, in every replica: the command id is made of what was heard, so two that ask at once start it once."""

    def __init__(self, queries: Queries, decisions: ContractDecisions) -> None:
        self._queries = queries
        self._decisions = decisions
        self._woken = asyncio.Event()

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection: wake up if a supervisor was heard."""
        if any(heard_for(applied) for applied in batch):
            self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                for owed in await self._queries.owed(AT_ONCE):
                    await self._start(owed)
            except AWAY as error:
                structlog.get_logger().warning("contract.database_away", reason=f"{type(error).__name__}: {error}")
            await self._rest()

    async def _start(self, owed: Owed) -> None:
        with traces.span("contract.start", parent=owed.traceparent, contract_id=owed.contract_id):
            request = Request(
                command_id=uuid5(NAMESPACE, f"{owed.tenant}/{owed.contract_id}/{owed.supervised_at}"),
                target=owed.contract_id,
                data={},
                actor=ACTOR,
                tenant=owed.tenant,
            )
            reply = await self._decisions.handle(request, StartContract())
        if isinstance(reply, Problem) and reply.code in AGAIN:
            structlog.get_logger().warning("contract.start_unanswered", contract_id=owed.contract_id, code=reply.code, detail=reply.detail)
            return
        await self._queries.asked(owed)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return
