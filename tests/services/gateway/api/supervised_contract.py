"""A contract whose supervisor was heard."""

import httpx
from makima_kernel.testing import eventually
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import SupervisorRegistered

from tests.services.gateway.harness import Gateways, created
from tests.services.gateway.sender_samples import NOW, WORKING


async def supervised(gateways: Gateways, http: httpx.AsyncClient) -> str:
    """A contract whose supervisor s1 was heard once."""
    contract = str((await created(http))["id"])
    await gateways.append(
        "supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan", Arrival("e", 1, NOW))
    )
    await eventually(lambda: is_known(http, contract))
    return contract


async def is_known(http: httpx.AsyncClient, contract: str) -> bool:
    return (await http.get(f"/contracts/{contract}/supervisor/status")).status_code != 404
