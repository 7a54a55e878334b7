"""Lists of contracts in another order than newest first, and how many match."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, cast

import asyncpg

from makima_gateway.read_model.queries import SQL, Filter, Visibility, matching
from makima_gateway.read_model.rows import ContractRow
from makima_gateway.read_model.storage import contract_row

Record = Mapping[str, object]
Sort = Literal["needs", "progress_at", "created_at", "name"]
SortKey = tuple[Decimal, str, int]  # of the order: a number, then a word, then the position of the creation


class SortedContracts:
    """Each query is one statement on a pooled connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def page(
        self,
        visibility: Visibility,
        wanted: Filter,
        sort: Sort,
        after: SortKey | None,
        limit: int,
        *,
        search_seconds: float | None = None,
    ) -> list[tuple[ContractRow, SortKey]]:
        """At most `limit` contracts in this order, behind `after`, each with its key; without descriptions.

        Raises `TimeoutError` if it takes longer than `search_seconds`.
        """
        behind = after or (None, None, None)
        arguments = (*matching(visibility, wanted), sort, *behind, limit)
        found = await self._pool.fetch(SQL["contracts_sorted"], *arguments, timeout=search_seconds)
        rows = [(contract_row(record), record) for record in cast("Sequence[Record]", found)]
        return [
            (row, (cast("Decimal", record["number"]), cast("str", record["word"]), row.created_position))
            for row, record in rows
        ]

    async def count(
        self, visibility: Visibility, wanted: Filter, *, search_seconds: float | None = None
    ) -> int:
        """How many contracts match. Raises `TimeoutError` if it takes longer than `search_seconds`."""
        simple = (wanted.waiting, wanted.stale, wanted.threshold, wanted.q, visibility.daemon_id)
        if simple == (None,) * len(simple):
            arguments = visibility.tenant, wanted.status, wanted.phase, visibility.owner_id
            return cast("int", await self._pool.fetchval(SQL["contracts_tallied"], *arguments))
        arguments = matching(visibility, wanted)
        return cast(
            "int", await self._pool.fetchval(SQL["contracts_count"], *arguments, timeout=search_seconds)
        )
