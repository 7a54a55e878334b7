"""Looks up and caches the owner of a contract.

The owner never changes, so a cache entry never becomes stale. The owner of a deleted contract is read from
the log.
"""

from collections.abc import Collection
from typing import Final

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.events import ContractCreated
from makima_schemas.identity import stream_name

from makima_gateway.read_model.queries import Queries

MAX_CACHED_OWNERS: Final = 200_000  # contracts, ≈ 40 MiB; a fuller cache is emptied

Key = tuple[str, str]  # tenant, contract id


class Owners:
    """Cache of contract owners over the read model and the log."""

    def __init__(self, queries: Queries, log: Log) -> None:
        self._queries = queries
        self._log = log
        self._known: dict[Key, str] = {}  # contract → owner id

    async def of(self, tenant: str, contract_id: str) -> str | None:
        """The owner id of a contract, also of a deleted one; None if there never was such a contract."""
        await self.learn(tenant, (contract_id,))
        return self._known.get((tenant, contract_id))

    async def owns(self, tenant: str, owner_id: str, contract_id: str) -> bool:
        """True if this owner has the contract, also a deleted one.

        A refusal makes the same two look-ups whether the contract is another's or there is none: from a faster
        one, which knew the contract, a caller could tell that it exists.
        """
        key = (tenant, contract_id)
        if self._known.get(key) == owner_id:
            return True
        found = await self._queries.owners(tenant, [contract_id])
        recorded = await self._from_log(tenant, contract_id)
        owner = found[0][1] if found else recorded
        if owner is not None:
            self._make_room()
            self._known[key] = owner
        return owner == owner_id

    async def _from_log(self, tenant: str, contract_id: str) -> str | None:
        first = await self._log.stream(tenant, stream_name("contract", contract_id), limit=1)
        created = decode(first[0].type, first[0].schema, first[0].data) if first else None
        return created.owner_id if isinstance(created, ContractCreated) else None

    def _make_room(self) -> None:
        if len(self._known) > MAX_CACHED_OWNERS:
            self._known.clear()

    async def learn(self, tenant: str, contract_ids: Collection[str]) -> None:
        """Load the owners of many contracts with one query: a page of monitor events concerns many contracts.

        For contracts that the read model does not have (deleted, or not projected yet), read the first event
        of their stream.
        """
        missing = {contract_id for contract_id in contract_ids if (tenant, contract_id) not in self._known}
        if not missing:
            return
        self._make_room()
        for contract_id, owner in await self._queries.owners(tenant, sorted(missing)):
            self._known[(tenant, contract_id)] = owner
            missing.discard(contract_id)
        for contract_id in missing:
            owner = await self._from_log(tenant, contract_id)
            if owner is not None:
                self._known[(tenant, contract_id)] = owner
