"""Answers `makima ledger rebuild`: the service that owns a projection rebuilds its tables."""

import asyncio

import asyncpg
import structlog
from makima_schemas import questions
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.rebuild import RebuildRunningError, rebuild

_logger = structlog.get_logger(__name__)


class Rebuilds:
    """Answers `makima.commands.<projection>.rebuild` with `{projection, position}`
    once the new tables are live.

    The progress is in the checkpoint of the next generation. The reply is `UNAVAILABLE`, and the live tables
    stay as they were, if a rebuild is running already, if an event cannot be applied, and if the service
    stops meanwhile.
    """

    def __init__(self, projection: Projection, pool: asyncpg.Pool, log: Log) -> None:
        self._projection, self._pool, self._log = projection, pool, log
        self._requested = asyncio.Event()  # set when a request has arrived
        # The result of the running rebuild; None: none is running.
        self._answer: asyncio.Future[int] | None = None
        self.router = CommandRouter(projection.name)
        self.router.query(questions.Rebuild, self._ask)

    async def run(self) -> None:
        """Runs the requested rebuilds, until cancelled.

        They run here and not in the request's handler,
        because a shutdown waits for handlers but cancels this loop.
        """
        try:
            while True:
                await self._requested.wait()
                self._requested.clear()
                assert self._answer is not None
                await self._rebuild(self._answer)
                self._answer = None
        finally:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(self._refused("the service is stopping", "send it again"))

    async def _ask(self, _question: questions.Rebuild) -> questions.Rebuilt:
        if self._answer is not None:
            raise self._refused("it is already being rebuilt", "wait until it is done")
        self._answer = asyncio.get_running_loop().create_future()
        self._requested.set()
        return {"projection": self._projection.name, "position": await self._answer}

    async def _rebuild(self, answer: asyncio.Future[int]) -> None:
        try:
            answer.set_result(await rebuild(self._projection, self._pool, self._log))
        except RebuildRunningError as error:
            answer.set_exception(self._refused(str(error), "wait until it is done"))
        except Exception as error:
            _logger.exception("projection.rebuild_failed", projection=self._projection.name)
            answer.set_exception(
                self._refused(f"{type(error).__name__}: {error}", "the live tables are unchanged")
            )

    def _refused(self, reason: str, hint: str) -> Refused:
        return Refused(ErrorCode.UNAVAILABLE, f"projection {self._projection.name}: {reason}", hint=hint)
