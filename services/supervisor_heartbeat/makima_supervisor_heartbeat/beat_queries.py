"""Answers how regularly senders were heard lately, from the recorded heartbeats."""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas import questions
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.times import rfc3339

from makima_supervisor_heartbeat.domain.beats import Beat, slots
from makima_supervisor_heartbeat.queries import QUERY_TIMEOUT_SECONDS, Queries
from makima_supervisor_heartbeat.queries import SQL as OF_HISTORY

SQL: Final = named(Path(__file__).with_suffix(".sql"))
HASH: Final = OF_HISTORY["hash"]


class BeatQueries:
    def __init__(self, pool: asyncpg.Pool, queries: Queries) -> None:
        self._pool, self._queries = pool, queries

    async def answer(self, question: questions.Beats) -> questions.BeatsAnswer:
        """Up to the time until which every heartbeat is recorded. Raises `Refused(UNAVAILABLE)` before there is such
        a time, and if the database takes longer than `QUERY_TIMEOUT_SECONDS`.
        """
        to = cast("datetime | None", await self._queries.watermark())
        if to is None:
            raise Refused(
                ErrorCode.UNAVAILABLE, "no heartbeat is recorded yet", hint="try again in some seconds"
            )
        try:
            return await self._answer(question, to)
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise Refused(
                ErrorCode.UNAVAILABLE,
                f"the history could not be read within {QUERY_TIMEOUT_SECONDS:g} s",
                hint="ask for fewer senders or fewer intervals, or try again later",
            ) from error

    async def _answer(self, question: questions.Beats, to: datetime) -> questions.BeatsAnswer:
        senders, step = list(question.streams), timedelta(seconds=question.step_seconds)
        start = to - (question.count + 2) * step
        limit = QUERY_TIMEOUT_SECONDS
        hashes = await self._pool.fetchval(HASH, senders, timeout=limit)
        found = await self._pool.fetch(SQL["arrivals"], senders, hashes, start, to, timeout=limit)
        beats = defaultdict[str, list[Beat]](list)
        for sender, received_at, connection_id in found:
            beats[sender].append((received_at, connection_id))
        # only these begin with intervals of which it must be known whether it had joined
        open_ = [each for each in senders if not beats[each] or beats[each][0][0] > start + 3 * step]
        heard = await self._pool.fetch(SQL["heard_until"], open_, start, timeout=limit) if open_ else []
        before = {row[0] for row in heard}
        strips = {
            each: slots(beats[each], to, step, question.count, heard_before=each in before)
            for each in senders
        }
        return {"to": rfc3339(to), "slots": strips}
