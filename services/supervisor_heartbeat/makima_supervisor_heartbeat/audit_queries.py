"""What the stale detector's auditor asks: the senders as this service knows them."""

from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas import questions
from makima_schemas.agent import PRESENT
from makima_schemas.supervisor import ENDED

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.sender_state import load_state

SQL: Final = named(Path(__file__).with_suffix(".sql"))

AUDIT_TIMEOUT_SECONDS: Final = 1.0
LIVING_ROWS: Final = 2000  # that one answer to `living_senders` looks at


class AuditQueries:
    """The bus queries `sender_states` and `living_senders`: the stale detector's auditor compares what it tracks."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def answer_states(self, question: questions.SenderStates) -> questions.SenderStatesAnswer:
        rows = await self._pool.fetch(
            SQL["sender_states"], question.tenant, list(question.streams), timeout=AUDIT_TIMEOUT_SECONDS
        )
        return {
            "position": rows[0]["position"] if rows else 0,
            "senders": {row["stream"]: _known_sender(row) for row in rows if row["told"] is not None},
        }

    async def answer_living(self, question: questions.LivingSenders) -> questions.LivingSendersAnswer:
        row = await self._pool.fetchrow(
            SQL["living_senders"],
            question.tenant,
            question.after,
            LIVING_ROWS,
            sorted(ENDED),
            sorted(PRESENT),
            timeout=AUDIT_TIMEOUT_SECONDS,
        )
        assert row is not None
        return {"streams": row["streams"], "next": row["last"] if row["read"] == LIVING_ROWS else None}


def _known_sender(row: asyncpg.Record) -> questions.KnownSender:
    state = load_state(row["stream"], row["told"])
    return {
        "alive": bool(state.connected) if isinstance(state, Daemon) else state.alive,
        "status": state.status if isinstance(state, Agent) else None,
        "connection_id": None if isinstance(state, Daemon) else state.connection_id,
        "daemon_id": None if isinstance(state, Daemon) else state.daemon_id,
        "stream_epoch": row["stream_epoch"],
        "sequence": row["sequence"],
    }
