"""Queries of the read model's tables."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.contract.model import ContractStatus, TaskStatus

from makima_gateway.read_model.monitor_events import (
    MONITOR_PAGE_CHARACTERS,
    MONITOR_PAGE_EVENTS,
    MonitorEvent,
)
from makima_gateway.read_model.rows import (
    ContractRow,
    DaemonRow,
    MessageRow,
    QuestionRow,
    SupervisorRow,
    TaskRow,
)
from makima_gateway.read_model.storage import (
    contract_row,
    daemon_row,
    message_row,
    question_row,
    supervisor_row,
    task_row,
)

SQL: Final = named(Path(__file__).with_suffix(".sql"))
# of a list: it ends with the row with which its long texts reach this size
PAGE_BYTES: Final = 1024 * 1024
SEARCHED_CHARACTERS: Final = 500  # of a description, from its beginning, are searched for `q`

Record = Mapping[str, object]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """The rows of a page."""

    rows: list[R]
    cut: bool  # others were left out, because these have `PAGE_BYTES`


@dataclass(frozen=True, slots=True)
class Visibility:
    """Restricts queries to an owner's or a daemon's contracts; null means no restriction."""

    tenant: str
    owner_id: str | None = None  # only contracts of this owner
    daemon_id: str | None = None  # only contracts whose supervisor this daemon runs


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of the list of contracts; None: no restriction."""

    status: list[str] | None = None  # any of these
    phase: str | None = None
    waiting: bool | None = None  # True: only in status waiting_for_input; False: only in others
    stale: bool | None = None  # True: only stale ones; False: only others
    # Replaces the detector's finding in `stale`: stale means no activity for this long, with no alive
    # supervisor.
    threshold: timedelta | None = None
    q: str | None = None  # a text in the name, or in the beginning of the description; case-insensitive


class Queries:
    """Each query is one statement on a pooled connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def contract(self, tenant: str, contract_id: str) -> ContractRow | None:
        record = await self._one("contract", tenant, contract_id)
        return None if record is None else contract_row(record)

    async def versions(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The version of each contract of which this names tenant and id, if it exists."""
        tenants, ids = [tenant for tenant, _ in keys], [contract_id for _, contract_id in keys]
        records = await self._all("versions", tenants, ids)
        return {(str(one["tenant"]), str(one["id"])): cast("int", one["version"]) for one in records}

    async def contracts(
        self,
        visibility: Visibility,
        wanted: Filter,
        before: int | None,
        limit: int,
        *,
        search_seconds: float | None = None,
    ) -> Found[ContractRow]:
        """At most `limit` contracts, newest first, those created before position `before`
        (null: the newest); without their descriptions, and fewer if they have `PAGE_BYTES`.

        Raises `TimeoutError` if it takes longer than `search_seconds`.
        """
        arguments = (*matching(visibility, wanted), before, limit, PAGE_BYTES)
        found = await self._pool.fetch(SQL["contracts"], *arguments, timeout=search_seconds)
        return _measured(contract_row, cast("Sequence[Record]", found))

    async def contracts_of(self, tenant: str, contract_ids: Sequence[str]) -> list[ContractRow]:
        """Those of the contracts that exist; without their descriptions."""
        return [contract_row(each) for each in await self._all("contracts_of", tenant, list(contract_ids))]

    async def supervisors_of(self, tenant: str, rows: Iterable[ContractRow]) -> dict[str, SupervisorRow]:
        """The supervisors that drive these contracts, by task id."""
        task_ids = [row.supervisor_task_id for row in rows if row.supervisor_task_id is not None]
        if not task_ids:
            return {}
        found = [supervisor_row(each) for each in await self._all("supervisors_by_task", tenant, task_ids)]
        return {row.task_id: row for row in found}

    async def names_and_statuses(
        self, tenant: str, contract_ids: Sequence[str]
    ) -> dict[str, tuple[str, ContractStatus]]:
        """Of those of the contracts that exist, by id."""
        found = await self._all("names", tenant, list(contract_ids))
        return {str(each["id"]): (str(each["name"]), ContractStatus(str(each["status"]))) for each in found}

    async def changed_since(self, tenant: str, moment: datetime) -> list[str]:
        """The contracts with an event of their own, of their supervisor or of an agent since then."""
        found = await self._all("changed_since", tenant, moment)
        return [cast("str", each["id"]) for each in found]

    async def task(self, tenant: str, contract_id: str, task_id: str) -> TaskRow | None:
        record = await self._one("task", tenant, contract_id, task_id)
        return None if record is None else task_row(record)

    async def tasks(self, tenant: str, contract_id: str, after: int, limit: int) -> Found[TaskRow]:
        return await self._page(task_row, "tasks", tenant, contract_id, after, limit)

    async def tasks_of_phase(self, tenant: str, contract_id: str, phase: str) -> list[TaskRow]:
        return [task_row(record) for record in await self._all("tasks_of_phase", tenant, contract_id, phase)]

    async def question(self, tenant: str, contract_id: str, question_id: str) -> QuestionRow | None:
        record = await self._one("question", tenant, contract_id, question_id)
        return None if record is None else question_row(record)

    async def questions(self, tenant: str, contract_id: str, after: int, limit: int) -> Found[QuestionRow]:
        return await self._page(question_row, "questions", tenant, contract_id, after, limit)

    async def open_questions(self, tenant: str, contract_id: str, limit: int) -> list[QuestionRow]:
        return [
            question_row(record) for record in await self._all("open_questions", tenant, contract_id, limit)
        ]

    async def answered_questions(
        self, tenant: str, contract_id: str, question_ids: Sequence[str]
    ) -> frozenset[str]:
        """Those of these ids whose question is answered."""
        found = await self._all("answered_questions", tenant, contract_id, list(question_ids))
        return frozenset(cast("str", record["id"]) for record in found)

    async def messages(self, tenant: str, contract_id: str, after: int, limit: int) -> Found[MessageRow]:
        return await self._page(message_row, "messages", tenant, contract_id, after, limit)

    async def supervisor(self, tenant: str, contract_id: str) -> SupervisorRow | None:
        record = await self._one("supervisor", tenant, contract_id)
        return None if record is None else supervisor_row(record)

    async def daemon(self, tenant: str, daemon_id: str) -> DaemonRow | None:
        record = await self._one("daemon", tenant, daemon_id)
        return None if record is None else daemon_row(record)

    async def daemons(self, visibility: Visibility, after: str, limit: int) -> list[DaemonRow]:
        """Daemons that run a visible contract, with an id above `after`; for a daemon's token, itself."""
        found = await self._all(
            "daemons", visibility.tenant, after, limit, visibility.owner_id, visibility.daemon_id
        )
        return [daemon_row(record) for record in found]

    async def daemons_serving(self, tenant: str, owner_id: str, limit: int) -> list[str]:
        """The ids of at most `limit` connected daemons that may run this owner's contracts."""
        found = await self._pool.fetch(SQL["daemons_serving"], tenant, owner_id, limit)
        return [cast("str", row["id"]) for row in found]

    async def sees_daemon(self, visibility: Visibility, daemon_id: str) -> bool:
        """True if the daemon runs a contract of the visible owner."""
        return bool(
            await self._pool.fetchval(
                SQL["sees_daemon"], visibility.tenant, daemon_id, visibility.owner_id, visibility.daemon_id
            )
        )

    async def runs(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """True if this daemon runs the contract's supervisor."""
        return bool(await self._pool.fetchval(SQL["runs"], tenant, contract_id, daemon_id))

    async def serves(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """True if this daemon may run contracts of this one's owner."""
        return bool(await self._pool.fetchval(SQL["serves"], tenant, contract_id, daemon_id))

    async def supervisor_of(self, tenant: str, contract_id: str, task_id: str) -> SupervisorRow | None:
        record = await self._one("supervisor_of", tenant, contract_id, task_id)
        return None if record is None else supervisor_row(record)

    async def statuses_of_tasks(
        self, tenant: str, contract_id: str, task_ids: Sequence[str]
    ) -> dict[str, TaskStatus]:
        """By task id; those that the contract does not have are missing."""
        found = await self._all("statuses_of_tasks", tenant, contract_id, list(task_ids))
        return {cast("str", record["id"]): TaskStatus(cast("str", record["status"])) for record in found}

    async def owners(self, tenant: str, contract_ids: list[str]) -> list[tuple[str, str]]:
        """(contract id, owner id) of the contracts that exist."""
        return cast(
            "list[tuple[str, str]]",
            [tuple(record) for record in await self._pool.fetch(SQL["owners"], tenant, contract_ids)],
        )

    async def visible(self, visibility: Visibility, contract_ids: list[str]) -> frozenset[str]:
        """Those of the given contracts that are visible."""
        found = await self._pool.fetch(
            SQL["visible"], visibility.tenant, contract_ids, visibility.owner_id, visibility.daemon_id
        )
        return frozenset(cast("str", record["id"]) for record in found)

    async def monitor_events(self, after: int, upto: int) -> list[MonitorEvent]:
        """A page of monitor events in order of position, above `after` and up to `upto`.

        There may be more if the page has `MONITOR_PAGE_EVENTS` events, or if its messages have at least
        `MONITOR_PAGE_CHARACTERS`.
        """
        return [
            MonitorEvent(*record)
            for record in cast(
                "Sequence[tuple[int, str, str, str | None, str | None, str, str]]",
                await self._pool.fetch(
                    SQL["monitor_events"], after, upto, MONITOR_PAGE_EVENTS, MONITOR_PAGE_CHARACTERS
                ),
            )
        ]

    async def open_contracts(self, tenant: str, owner_id: str) -> int:
        """How many contracts of this owner are not completed, failed or archived."""
        return cast("int", await self._pool.fetchval(SQL["open_contracts"], tenant, owner_id))

    async def gauges(self) -> list[tuple[str, int, int]]:
        """(status, number of contracts, number of stale ones)."""
        return cast(
            "list[tuple[str, int, int]]", [tuple(record) for record in await self._pool.fetch(SQL["gauges"])]
        )

    async def _one(self, name: str, *arguments: object) -> Record | None:
        return cast("Record | None", await self._pool.fetchrow(SQL[name], *arguments))

    async def _page(self, make: Callable[[Record], R], name: str, *arguments: object) -> Found[R]:
        """The rows of a query that ends at `PAGE_BYTES`."""
        return _measured(make, await self._all(name, *arguments, PAGE_BYTES))

    async def _all(self, name: str, *arguments: object) -> Sequence[Record]:
        return cast("Sequence[Record]", await self._pool.fetch(SQL[name], *arguments))


def _measured(make: Callable[[Record], R], records: Sequence[Record]) -> Found[R]:
    """The rows of records whose last column, `found`, says how many there are without the limit of bytes."""
    rows = [make({name: value for name, value in each.items() if name != "found"}) for each in records]
    return Found(rows, cut=bool(records) and cast("int", records[0]["found"]) > len(records))


def matching(visibility: Visibility, wanted: Filter) -> tuple[object, ...]:
    """The parameters of `contracts_that_match`, $1 to $10."""
    return (
        visibility.tenant,
        wanted.status,
        wanted.phase,
        wanted.waiting,
        wanted.stale,
        wanted.threshold,
        None if wanted.q is None else f"%{escaped(wanted.q)}%",
        visibility.owner_id,
        visibility.daemon_id,
        SEARCHED_CHARACTERS,
    )


def escaped(text: str) -> str:
    """Escape the wildcards of `ilike`."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
