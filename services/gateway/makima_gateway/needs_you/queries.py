"""The queries of what waits for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.named_sql import named

from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import AgentRow, ContractRow, QuestionRow
from makima_gateway.read_model.storage import agent_row, question_row

SQL: Final = named(Path(__file__).with_suffix(".sql"))
Kind = Literal["question", "phase_confirmation", "blocked", "unrecoverable"]
Place = tuple[datetime, str, str, str]  # since, kind, contract id, detail


@dataclass(frozen=True, slots=True)
class NeedRow:
    kind: Kind
    since: datetime
    contract_id: str
    detail: str  # the question's id, or the agent's role; else empty

    @property
    def place(self) -> Place:
        return self.since, self.kind, self.contract_id, self.detail


@dataclass(frozen=True, slots=True)
class NeedRows:
    """A page, and the rows that it is shown with."""

    needs: list[NeedRow]
    total: int  # of all pages
    contracts: Mapping[str, ContractRow]  # by id
    questions: Mapping[tuple[str, str], QuestionRow]  # by contract and question id
    agents: Mapping[tuple[str, str], AgentRow]  # by contract and role
    asked_by: Mapping[int, str]  # by the position of a question: who asked it, as the log says


class NeedsYouQueries:
    def __init__(self, pool: asyncpg.Pool, queries: Queries, log: Log) -> None:
        self._pool, self._queries, self._log = pool, queries, log

    async def page(self, tenant: str, owner_id: str | None, after: Place | None, limit: int) -> NeedRows:
        """At most `limit` of an owner's contracts (null: of all), longest waiting first, behind `after`."""
        behind = after or (None, None, None, None)
        found = await self._all("needs", tenant, owner_id, *behind, limit)
        needs = [
            NeedRow(
                cast("Kind", each["kind"]),
                cast("datetime", each["since"]),
                cast("str", each["contract_id"]),
                cast("str", each["detail"]),
            )
            for each in found
        ]
        ids = sorted({each.contract_id for each in needs})
        of_questions = [each for each in needs if each.kind == "question"]
        questions = [
            question_row(each)
            for each in await self._all(
                "questions_of",
                tenant,
                [each.contract_id for each in of_questions],
                [each.detail for each in of_questions],
            )
        ]
        agents = [agent_row(each) for each in await self._all("agents_of", tenant, ids)]
        return NeedRows(
            needs,
            cast("int", found[0]["total"]) if found else 0,
            {row.id: row for row in await self._queries.contracts_of(tenant, ids)},
            {(row.contract_id, row.id): row for row in questions},
            {(row.contract_id, row.role): row for row in agents},
            await self._log.actors([row.asked_position for row in questions]),
        )

    async def _all(self, name: str, *arguments: object) -> Sequence[Mapping[str, object]]:
        return cast("Sequence[Mapping[str, object]]", await self._pool.fetch(SQL[name], *arguments))
