"""Whose a contract is. That never changes, so it is looked up once; and the log still tells it when the read model has forgotten the contract."""

from collections.abc import Collection
from typing import Final

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.contract.events import ContractCreated
from makima_schemas.identity import stream_name

from makima_gateway.read_model.queries import Queries

MAX_CACHED_OWNERS: Final = 200_000  # contracts, ≈ 40 MiB; then it begins again

Key = tuple[str, str]


class Owners:
    def __init__(self, queries: Queries, log: Log) -> None:
        self._queries = queries
        self._log = log
        self._known: dict[Key, str] = {}

    async def of(self, tenant: str, contract_id: str) -> str | None:
        """None: there never was such a contract."""
        await self.learn(tenant, (contract_id,))
        return self._known.get((tenant, contract_id))

    async def learn(self, tenant: str, contract_ids: Collection[str]) -> None:
        """Many at once: a page of what the monitor tells is about many contracts."""
        missing = {contract_id for contract_id in contract_ids if (tenant, contract_id) not in self._known}
        if not missing:
            return
        if len(self._known) > MAX_CACHED_OWNERS:
            self._known.clear()
        for contract_id, owner in await self._queries.owners(tenant, sorted(missing)):
            self._known[(tenant, contract_id)] = owner
            missing.discard(contract_id)
        for contract_id in missing:
            first = await self._log.stream(tenant, stream_name("contract", contract_id), limit=1)
            created = decode(first[0].type, first[0].schema, first[0].data) if first else None
            if isinstance(created, ContractCreated):
                self._known[(tenant, contract_id)] = created.owner_id
