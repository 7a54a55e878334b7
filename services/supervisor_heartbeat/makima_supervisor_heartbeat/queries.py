"""Queries of this service on its own tables, and its bus queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import asyncpg
import orjson
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_schemas import questions
from makima_schemas.agent import AgentStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import DEFAULT_TENANT, agent_id, split_stream, stream_name
from makima_schemas.refusal import Refused
from makima_schemas.supervisor import ENDED, SupervisorState
from makima_schemas.times import rfc3339

SQL: Final = named(Path(__file__).with_suffix(".sql"))

MAX_HISTORY_BYTES: Final = 256 * 1024  # of the JSON of the heartbeats in one reply
QUERY_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SupervisorLocation:
    """Where a supervisor runs, as the log shows it."""

    contract_id: str
    daemon_id: str  # the daemon that runs it
    connection_id: str | None  # its current connection (incarnation)
    connected: bool  # whether the daemon is connected
    state: str | None  # of the supervisor; None: it was not heard yet
    contract: str | None  # its status; None: there is no such contract


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What bears on an agent, besides its stream. Its contract exists."""

    status: AgentStatus | None  # None: there is no record
    connection_id: str | None  # in force
    daemon_id: str | None  # the one that it named, or the contract's
    daemon_connected: bool
    holds_tasks: bool
    joined_before: bool  # the connection that was asked about was in force once
    contract: str | None  # its status; None: it is not known
    read_to: int  # position of the log up to which this was read, at least


@dataclass(frozen=True, slots=True)
class FollowUp:
    """An agent to which FollowTasks must be sent."""

    tenant: str
    contract_id: str
    role: str
    holds_tasks: bool
    owed_at: int  # the position of the event that made it necessary


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of saved state a contract, and all contracts of its owner, have."""

    of_contract: int
    of_owner: int


@dataclass(frozen=True, slots=True)
class RestorationFacts:
    """What bears on a restoration, besides the supervisor's stream. Its contract exists."""

    owner_id: str
    holder: str | None  # the daemon that has the contract
    holder_disconnected: bool  # by a verdict
    admitted: bool  # the daemon that asks was admitted; False: it is known from before there were admissions
    serves: str | None  # the owner that it was admitted for; None: every one
    others_alive: bool  # another supervisor of the contract is alive


@dataclass(frozen=True, slots=True)
class RestoredContract:
    """A contract to which AssignContract must be sent, because a restoration was proved."""

    tenant: str
    contract_id: str
    task_id: str
    daemon_id: str
    connection_id: str
    proved_at: int  # the position of the proof


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def watermark(self) -> datetime:
        """The time up to which the heartbeats of all shards are recorded."""
        return cast("datetime", await self._pool.fetchval(SQL["watermark"]))

    async def newest(self, senders: Sequence[str]) -> dict[str, Arrival]:
        """The newest recorded heartbeat of each sender (stream name); senders without one are missing."""
        rows = await self._pool.fetch(SQL["newest"], list(senders))
        return {
            row["sender"]: Arrival(row["stream_epoch"], row["sequence"], row["received_at"]) for row in rows
        }

    async def newest_of_connections(self, connections: Sequence[tuple[str, str]]) -> dict[str, Arrival]:
        """The newest recorded heartbeat of each sender (stream name), if it is of the connection given with it."""
        rows = await self._pool.fetch(SQL["newest_of_connections"], *columns(connections, 2))
        return {
            row["sender"]: Arrival(row["stream_epoch"], row["sequence"], row["received_at"]) for row in rows
        }

    async def holds(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """True if the contract is the daemon's."""
        return bool(
            await self._pool.fetchval(
                SQL["holds"], tenant, contract_id, daemon_id, timeout=QUERY_TIMEOUT_SECONDS
            )
        )

    async def agent_facts(
        self, tenant: str, contract_id: str, role: str, connection_id: str | None, read_to: int
    ) -> AgentFacts | None:
        """By the log up to `read_to`; None if there is no such contract."""
        row = await self._pool.fetchrow(
            SQL["agent_facts"], tenant, contract_id, role, connection_id, timeout=QUERY_TIMEOUT_SECONDS
        )
        if row is None:
            return None
        status, *others = row
        return AgentFacts(None if status is None else AgentStatus(status), *others, read_to=read_to)

    async def agents_of(self, tenant: str, contract_id: str) -> int:
        """How many agents the contract has, minimal records included."""
        return await self._pool.fetchval(SQL["agents_of"], tenant, contract_id, timeout=QUERY_TIMEOUT_SECONDS)

    async def follow_ups(self, limit: int) -> list[FollowUp]:
        """Up to `limit` of them, the oldest first."""
        return [FollowUp(**row) for row in await self._pool.fetch(SQL["follow_ups"], limit)]

    async def mark_followed(self, done: FollowUp) -> None:
        """Ends it, unless a later event made it necessary again."""
        await self._pool.execute(SQL["mark_followed"], done.tenant, done.contract_id, done.role, done.owed_at)

    async def is_recorded(self, contract_id: str, task_id: str) -> bool:
        """True if a heartbeat of this supervisor of this contract is recorded, registered or not."""
        sender = stream_name("supervisor", task_id)
        return bool(
            await self._pool.fetchval(SQL["is_recorded"], sender, contract_id, timeout=QUERY_TIMEOUT_SECONDS)
        )

    async def room(self, tenant: str, contract_id: str) -> Room | None:
        """None if there is no such contract."""
        row = await self._pool.fetchrow(SQL["room"], tenant, contract_id, timeout=QUERY_TIMEOUT_SECONDS)
        return None if row is None else Room(*row)

    async def restoration_facts(
        self, tenant: str, contract_id: str, task_id: str, daemon_id: str
    ) -> RestorationFacts | None:
        """None if there is no such contract."""
        row = await self._pool.fetchrow(
            SQL["restoration_facts"],
            tenant,
            contract_id,
            stream_name("supervisor", task_id),
            daemon_id,
            [state.value for state in ENDED],
            timeout=QUERY_TIMEOUT_SECONDS,
        )
        return None if row is None else RestorationFacts(*row)

    async def restored(self, limit: int) -> list[RestoredContract]:
        """Up to `limit` of them, the oldest first."""
        return [RestoredContract(**row) for row in await self._pool.fetch(SQL["restored"], limit)]

    async def mark_assigned(self, done: RestoredContract) -> None:
        """Ends it, unless a later restoration made it necessary again."""
        await self._pool.execute(SQL["mark_assigned"], done.tenant, done.contract_id, done.proved_at)

    async def location(self, tenant: str, task_id: str) -> SupervisorLocation | None:
        """Where the supervisor runs; None if no heartbeat of a supervisor with that id was ever recorded in
        the log.
        """
        row = await self._pool.fetchrow(
            SQL["daemon_of"], tenant, stream_name("supervisor", task_id), timeout=QUERY_TIMEOUT_SECONDS
        )
        return None if row is None else SupervisorLocation(*row)

    async def answer_heartbeats(self, question: questions.Heartbeats) -> questions.HeartbeatHistory:
        """Recorded heartbeats, newest first; `truncated` if they exceed 256 KiB (MAX_HISTORY_BYTES).

        Raises `Refused`: UNAVAILABLE after QUERY_TIMEOUT_SECONDS, INVALID_REQUEST without a contract or task
        id.
        """
        try:
            senders = await self._senders(question)
            rows = await self._history(senders, question.limit)
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise Refused(
                ErrorCode.UNAVAILABLE,
                f"the history could not be read within {QUERY_TIMEOUT_SECONDS:g} s",
                hint="request fewer heartbeats, or try again later",
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
        """State of the contract's supervisor that sent the newest heartbeat. Raises
        `Refused(SUPERVISOR_NOT_FOUND)`.
        """
        contract_id = question.contract_id
        row = await self._pool.fetchrow(
            SQL["status"], contract_id, DEFAULT_TENANT, timeout=QUERY_TIMEOUT_SECONDS
        )
        if row is None:
            raise Refused(
                ErrorCode.SUPERVISOR_NOT_FOUND,
                f"contract {contract_id} has no supervisor that ever sent a heartbeat",
            )
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
            raise Refused(ErrorCode.INVALID_REQUEST, "give contract_id or task_id")
        if question.role is not None:
            return [stream_name("agent", agent_id(question.contract_id, question.role))]
        rows = await self._pool.fetch(
            SQL["senders_of_contract"], question.contract_id, timeout=QUERY_TIMEOUT_SECONDS
        )
        return [row["sender"] for row in rows]

    async def _history(self, senders: list[str], limit: int) -> list[asyncpg.Record]:
        if not senders:
            return []
        hashes = await self._pool.fetchval(SQL["hash"], senders, timeout=QUERY_TIMEOUT_SECONDS)
        return await self._pool.fetch(
            SQL["heartbeats"], senders, limit, hashes, timeout=QUERY_TIMEOUT_SECONDS
        )


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
