"""What this service asks its own tables, and the two questions it answers on the bus: `heartbeats` and `status`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import asyncpg
import orjson
from makima_kernel.event_log.named_sql import named
from makima_schemas import questions
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import DEFAULT_TENANT, split_stream, stream_name
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import ENDED, SupervisorState
from makima_schemas.times import rfc3339

SQL: Final = named(Path(__file__).with_suffix(".sql"))

MAX_HISTORY_BYTES: Final = 256 * 1024
QUERY_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SupervisorLocation:
    """Of a supervisor: the incarnation that speaks for it, and the daemon that runs that."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    connected: bool


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def watermark(self) -> datetime:
        return cast("datetime", await self._pool.fetchval(SQL["watermark"]))

    async def newest(self, senders: Sequence[str]) -> dict[str, Arrival]:
        rows = await self._pool.fetch(SQL["newest"], list(senders))
        return {row["sender"]: Arrival(row["stream_epoch"], row["sequence"], row["received_at"]) for row in rows}

    async def location(self, tenant: str, task_id: str) -> SupervisorLocation | None:
        """None: no supervisor of that id was ever heard."""
        row = await self._pool.fetchrow(SQL["daemon_of"], tenant, stream_name("supervisor", task_id), timeout=QUERY_TIMEOUT_SECONDS)
        return None if row is None else SupervisorLocation(*row)

    async def answer_heartbeats(self, question: questions.Heartbeats) -> questions.HeartbeatHistory:
        """Newest first; `truncated` where 256 KiB are not enough for all."""
        try:
            senders = await self._senders(question)
            rows = await self._history(senders, question.limit)
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise Refused(
                ErrorCode.UNAVAILABLE, f"the history was not read within {QUERY_TIMEOUT_SECONDS:g} s", hint="ask for fewer, or later"
            ) from error
        kept, size = list[questions.RecordedHeartbeat](), 0
        for row in rows:
            heartbeat = _heartbeat(row)
            size += len(orjson.dumps(heartbeat))
            if size > MAX_HISTORY_BYTES:
                break
            kept.append(heartbeat)
        return {"heartbeats": kept, "truncated": len(kept) < len(rows)}

    async def answer_status(self, question: questions.Status) -> questions.SupervisorStatus:
        """Raises `Refused(SUPERVISOR_NOT_FOUND)`."""
        contract_id = question.contract_id
        row = await self._pool.fetchrow(SQL["status"], contract_id, DEFAULT_TENANT, timeout=QUERY_TIMEOUT_SECONDS)
        if row is None:
            raise Refused(ErrorCode.SUPERVISOR_NOT_FOUND, f"contract {contract_id} has no supervisor that was ever heard")
        state = SupervisorState(row["logged_state"] or row["state"])
        return {
            **_heartbeat(row),
            "contract_id": row["contract_id"],
            "daemon_id": row["daemon_id"],
            "state": state,
            "current_activity": row["activity"],
            "last_heartbeat": rfc3339(row["received_at"]),
            "alive": state not in ENDED,
        }

    async def _senders(self, question: questions.Heartbeats) -> list[str]:
        if question.task_id is not None:
            return [stream_name("supervisor", question.task_id)]
        if question.contract_id is None:
            raise Refused(ErrorCode.INVALID_REQUEST, "heartbeats are asked for by contract_id or task_id")
        rows = await self._pool.fetch(SQL["senders_of_contract"], question.contract_id, timeout=QUERY_TIMEOUT_SECONDS)
        return [row["sender"] for row in rows]

    async def _history(self, senders: list[str], limit: int) -> list[asyncpg.Record]:
        if not senders:
            return []
        hashes = await self._pool.fetchval(SQL["hash"], senders, timeout=QUERY_TIMEOUT_SECONDS)
        return await self._pool.fetch(SQL["heartbeats"], senders, limit, hashes, timeout=QUERY_TIMEOUT_SECONDS)


def _heartbeat(row: asyncpg.Record) -> questions.RecordedHeartbeat:
    detail: dict[str, list[str]] = orjson.loads(row["detail"]) if row["detail"] else {}
    return {
        "task_id": split_stream(row["sender"])[1],
        "timestamp": rfc3339(row["received_at"]),
        "state": row["state"],
        "phase": row["phase"],
        "activity": row["activity"],
        "progress": row["progress"],
        "connection_id": row["connection_id"],
        "pending_task_ids": detail.get("pending_task_ids", []),
    }
