"""How services come to Postgres, and what they refuse between."""

import pytest
from makima_kernel.service.postgres import TransactionPoolerError, open_pool

from tests.kernel.service.transaction_pooler import transaction_pooler
from tests.servers import IN_CONTAINERS


@pytest.mark.skipif(
    IN_CONTAINERS, reason="the pooler of the test speaks to a server that asks for no password"
)
async def test_a_pooler_in_transaction_mode_is_found_at_the_start_and_said(database: str) -> None:
    async with transaction_pooler(database) as pooled:
        with pytest.raises(TransactionPoolerError, match="pool_mode to session"):
            await open_pool(pooled, "test")


async def test_postgres_itself_is_no_pooler(database: str) -> None:
    pool = await open_pool(database, "test", size=2)
    assert await pool.fetchval("select 1") == 1
    await pool.close()
