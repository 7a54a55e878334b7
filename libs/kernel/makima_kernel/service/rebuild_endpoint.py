"""Lets `makima ledger rebuild` ask for a projection's tables anew: the service that owns the fold makes them, beside the live ones."""

import asyncio
from typing import Final

import asyncpg
import structlog
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.rebuild import RebuildRunningError, rebuild

REBUILD: Final = "rebuild"

_logger = structlog.get_logger(__name__)


class Rebuilds:
    """Answers `makima.commands.<projection>.rebuild` with `{projection, position}` once the new tables are the live ones.

    How far it is stands in the checkpoint of the next generation. `UNAVAILABLE`, and the live tables as they were, where one is
    running already, where an event cannot be applied, and where the service stops meanwhile.
    """

    def __init__(self, projection: Projection, pool: asyncpg.Pool, log: Log) -> None:
        self._projection, self._pool, self._log = projection, pool, log
        self._asked = asyncio.Event()
        self._answer: asyncio.Future[int] | None = None
        self.router = CommandRouter(projection.name)
        self.router.query(REBUILD, self._ask)

    async def run(self) -> None:
        """Until cancelled: a rebuild belongs to the service, not to the request, so that stopping does not wait for it."""
        try:
            while True:
                await self._asked.wait()
                self._asked.clear()
                assert self._answer is not None
                await self._rebuild(self._answer)
                self._answer = None
        finally:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(self._refused("the service stops", "ask again"))

    async def _ask(self, _question: dict[str, object]) -> dict[str, object]:
        if self._answer is not None:
            raise self._refused("it is being rebuilt already", "wait until it is done")
        self._answer = asyncio.get_running_loop().create_future()
        self._asked.set()
        return {"projection": self._projection.name, "position": await self._answer}

    async def _rebuild(self, answer: asyncio.Future[int]) -> None:
        try:
            answer.set_result(await rebuild(self._projection, self._pool, self._log))
        except RebuildRunningError as error:
            answer.set_exception(self._refused(str(error), "wait until it is done"))
        except Exception as error:
            _logger.exception("projection.rebuild_failed", projection=self._projection.name)
            answer.set_exception(self._refused(f"{type(error).__name__}: {error}", "the live tables are as they were"))

    def _refused(self, reason: str, hint: str) -> Refused:
        return Refused(ErrorCode.UNAVAILABLE, f"projection {self._projection.name}: {reason}", hint=hint)
