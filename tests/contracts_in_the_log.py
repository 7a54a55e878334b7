"""Contracts that exist, for tests of their supervisors: as the contract service would append them."""

from collections.abc import Iterable
from typing import Final

import asyncpg
from makima_kernel.event_log.append import new_event
from makima_schemas.contract.events import ContractCreated
from makima_schemas.contract.model import Phase
from makima_schemas.identity import stream_name

from tests.kernel.event_log.append_builders import call, command

OWNER: Final = "ada"
CREATED: Final = ContractCreated(
    "demo", "", "simple", OWNER, (Phase("plan"),), phase_guard=False, auto_complete_enabled=True
)


async def create_contracts(pool: asyncpg.Pool, contract_ids: Iterable[str]) -> None:
    """Those that the log does not have yet."""
    await call(
        pool,
        *(command(stream_name("contract", each), new_event(CREATED), expected=0) for each in contract_ids),
    )
