"""The list of contracts: a page in the order that was asked for, and how many there are."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from makima_gateway.api import serializers as views
from makima_gateway.api.reads import ReadContext
from makima_gateway.api.searching import search
from makima_gateway.http import pagination as cursors
from makima_gateway.read_model.queries import Filter
from makima_gateway.read_model.rows import ContractRow, SupervisorRow
from makima_gateway.read_model.sorted_contracts import Sort, SortKey

MAX_POSITION_DIGITS: Final = 18


class ContractListing:
    """One request for a page of contracts."""

    def __init__(self, read: ReadContext, wanted: Filter, limit: int) -> None:
        self._read, self._wanted, self._limit = read, wanted, limit

    async def page(
        self, sort: Sort | None, cursor: str | None, *, short: bool
    ) -> tuple[dict[str, object], int | None]:
        """The page, and how many contracts match; null: to count them took too long. `short`: as rows.

        Raises `OVERLOADED` for a search that takes too long.
        """
        if self._wanted.q is None:
            return await self._page(sort, cursor, None, short=short), await self._count(None)
        hint = "narrow it with status or phase, or ask for fewer contracts with limit"
        async with search(self._read, hint) as seconds:
            page = await self._page(sort, cursor, seconds, short=short)
            try:
                return page, await self._count(seconds)
            except TimeoutError:
                return page, None

    async def _page(
        self, sort: Sort | None, cursor: str | None, seconds: float | None, *, short: bool
    ) -> dict[str, object]:
        """Raises `TimeoutError` if it takes longer than `seconds` (null: it may)."""
        queries, visibility = self._read.gateway.queries, self._read.principal.visibility
        if sort is None:
            before = cursors.position("contracts", cursor)
            found = await queries.contracts(
                visibility, self._wanted, before, self._limit + 1, search_seconds=seconds
            )
            view = await self._view(found.rows, short=short)
            return cursors.page(
                found.rows, self._limit, "contracts", lambda row: row.created_position, view, cut=found.cut
            )
        sorted_contracts = self._read.gateway.sorted_contracts
        after = cursors.in_order("contracts", cursor, sort, _sort_key)
        keyed = await sorted_contracts.page(
            visibility, self._wanted, sort, after, self._limit + 1, search_seconds=seconds
        )
        show = await self._view([row for row, _ in keyed], short=short)
        return cursors.page(
            keyed,
            self._limit,
            "contracts",
            lambda one: cursors.ordered_key(sort, *one[1]),
            lambda one: show(one[0]),
        )

    async def _count(self, seconds: float | None) -> int:
        visibility = self._read.principal.visibility
        return await self._read.gateway.sorted_contracts.count(
            visibility, self._wanted, search_seconds=seconds
        )

    async def _view(self, rows: Sequence[ContractRow], *, short: bool) -> Callable[[ContractRow], object]:
        read = self._read
        known = await read.gateway.queries.supervisors_of(read.principal.tenant, rows)

        def supervisor(row: ContractRow) -> SupervisorRow | None:
            return known.get(row.supervisor_task_id or "")

        if short:
            return lambda row: read.row(row, supervisor(row))
        return lambda row: views.listed(read.view(row, supervisor(row)))


def _sort_key(number: Decimal, word: str, position: str) -> SortKey:
    if not (position.isascii() and position.isdecimal()) or len(position) > MAX_POSITION_DIGITS:
        raise ValueError(position)
    return number, word, int(position)
