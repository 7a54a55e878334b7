"""Which contracts changed lately, and their rows as JSON, once for all clients that ask for `rows`."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from makima_kernel.event_log.log import Log
from makima_schemas.codec import encode
from makima_schemas.contract.model import ContractStatus

from makima_gateway.read_model.contract_rows import contract_row_view
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.queries import Queries

MAX_CHANGED: Final = (
    20_000  # contracts that are remembered; a client that is further behind reads all of its rows
)
PAGE_EVENTS: Final = 2000  # of the log, that are looked at together

Key = tuple[str, str]  # tenant, contract id


@dataclass(slots=True)
class Change:
    """A contract's last change, and its row since then, once a client has asked for it."""

    position: int
    encoded: bytes | None = None  # a `Row`, as JSON; null: it was not read yet, or the contract is deleted
    status: ContractStatus | None = None  # as clients see it
    read: bool = False


class RowBoard:
    """Follows the log only while a client wants rows."""

    def __init__(self, queries: Queries, log: Log, feed: LatestHeartbeats, *, enhanced: bool) -> None:
        self._queries, self._log, self._feed, self._enhanced = queries, log, feed, enhanced
        self._changes: OrderedDict[Key, Change] = OrderedDict()  # by position: a new change moves to the end
        self._complete_after = 0  # every change above this position is in _changes
        self.position = 0  # up to here they are in _changes
        self.readers = 0  # clients that want rows

    async def advance(self, after: int, upto: int) -> list[tuple[int, str]]:
        """Note the contracts that changed between two positions: (position, contract id), in order."""
        if not self.readers:
            self.begin_at(upto)
            return []
        if after != self.position:
            self.begin_at(after)
        touched = list[tuple[int, str]]()
        while self.position < upto:
            page = await self._log.contracts_touched(self.position, upto, PAGE_EVENTS)
            for position, tenant, contract_id in page:
                if contract_id is None:
                    continue
                self._changes[tenant, contract_id] = Change(position)
                self._changes.move_to_end((tenant, contract_id))
                touched.append((position, contract_id))
            self.position = page[-1][0] if len(page) == PAGE_EVENTS else upto
        while len(self._changes) > MAX_CHANGED:
            self._complete_after = self._changes.popitem(last=False)[1].position
        return touched

    def begin_at(self, position: int) -> None:
        """Forget everything: what changed up to `position` is not known."""
        self._changes.clear()
        self.position = self._complete_after = position

    def since(self, tenant: str, position: int) -> tuple[list[str], bool]:
        """The contracts that changed behind `position`, in order, and whether these are all of them."""
        found = list[str]()
        for (of_tenant, contract_id), change in reversed(self._changes.items()):
            if change.position <= position:
                break
            if of_tenant == tenant:
                found.append(contract_id)
        found.reverse()
        return found, position >= self._complete_after

    async def rows(
        self, tenant: str, contract_ids: Sequence[str]
    ) -> dict[str, tuple[ContractStatus | None, bytes]]:
        """The rows of those of the contracts that exist, as JSON, each with its status."""
        changes = {each: self._changes.get((tenant, each)) or Change(0) for each in contract_ids}
        unread = [each for each, change in changes.items() if not change.read]
        if unread:
            await self._read(tenant, unread, changes)
        return {
            each: (change.status, change.encoded)
            for each, change in changes.items()
            if change.encoded is not None
        }

    async def _read(self, tenant: str, unread: list[str], changes: dict[str, Change]) -> None:
        """Read the rows that were not read since their contract changed, with two queries."""
        found = await self._queries.contracts_of(tenant, unread)
        supervisors = await self._queries.supervisors_of(tenant, found)
        for row in found:
            supervisor = supervisors.get(row.supervisor_task_id or "")
            view = contract_row_view(row, supervisor, self._feed, enhanced=self._enhanced)
            changes[row.id].encoded, changes[row.id].status = encode(view), view.status
        for each in unread:
            changes[each].read = True
