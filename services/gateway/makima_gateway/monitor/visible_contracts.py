"""Which contracts one client may see."""

from collections.abc import Collection

from makima_schemas.contract.model import ContractStatus

from makima_gateway.auth.principal import Principal
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.read_model.legacy_status import shown_status


class VisibleContracts:
    """By the client's token: its tenant, and the owner that it is restricted to, if to any."""

    def __init__(self, monitor: Monitor, principal: Principal) -> None:
        self._owners, self._queries, self._enhanced = monitor.owners, monitor.queries, monitor.enhanced
        self._tenant, self._owner_id = principal.tenant, principal.visibility.owner_id

    async def learn(self, contract_ids: Collection[str]) -> None:
        """Ask once for the owners of all of them; each is then known."""
        if self._owner_id is not None:
            await self._owners.learn(self._tenant, contract_ids)

    async def may_see(self, tenant: str, contract_id: str | None) -> bool:
        if tenant != self._tenant:
            return False
        return self._owner_id is None or (
            contract_id is not None and await self._owners.of(tenant, contract_id) == self._owner_id
        )

    async def status(self, contract_id: str) -> ContractStatus | None:
        """The contract's present status; None: there is no such contract."""
        row = await self._queries.contract(self._tenant, contract_id)
        return None if row is None else shown_status(row.status, enhanced=self._enhanced)
