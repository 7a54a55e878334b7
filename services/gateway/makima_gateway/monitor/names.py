"""The names of contracts, for messages that no event of the contract made. A name never changes."""

from typing import Final

from makima_gateway.read_model.queries import Queries

MAX_CACHED_NAMES: Final = 50_000  # a fuller cache is emptied


class Names:
    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._known: dict[tuple[str, str], str] = {}  # by tenant and contract id

    async def of(self, tenant: str, contract_id: str | None) -> str | None:
        """None: there is no such contract (any more)."""
        if contract_id is None:
            return None
        key = (tenant, contract_id)
        if key not in self._known:
            found = await self._queries.names_and_statuses(tenant, [contract_id])
            if contract_id not in found:
                return None
            if len(self._known) >= MAX_CACHED_NAMES:
                self._known.clear()
            self._known[key] = found[contract_id][0]
        return self._known[key]
