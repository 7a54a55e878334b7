"""Many contracts and agents in the gateway's tables, made in a moment, and who searches in them."""

from typing import Final

import asyncpg

COLUMNS: Final = """
    select string_agg(column_name, ', ') from information_schema.columns
    where table_schema = 'gateway' and table_name = 'contracts' and column_name <> 'id'
"""
COPIES: Final = """
    insert into gateway.contracts (id, {columns})
    select 'copy-' || number, {columns} from gateway.contracts, generate_series(1, $2) as number where id = $1
"""
AGENT_COLUMNS: Final = COLUMNS.replace("'contracts'", "'agents'").replace("'id'", "'role'")
AGENT_COPIES: Final = """
    insert into gateway.agents (role, {columns})
    select 'copy-' || number, {columns} from gateway.agents, generate_series(1, $2) as number where contract_id = $1
"""
NOBODY_SEARCHES: Final = """
    select not exists (
        select from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%ilike $_%' and pid <> pg_backend_pid()
    )
"""


async def copy_contract(pool: asyncpg.Pool, contract_id: str, count: int) -> None:
    """Rows of further contracts of the same owner. The log knows nothing of them."""
    columns = await pool.fetchval(COLUMNS)
    await pool.execute(COPIES.format(columns=columns), contract_id, count)


async def copy_agent(pool: asyncpg.Pool, contract_id: str, count: int) -> None:
    """Rows of further agents of the contract, which has one. The log knows nothing of them."""
    columns = await pool.fetchval(AGENT_COLUMNS)
    await pool.execute(AGENT_COPIES.format(columns=columns), contract_id, count)


async def forget_copies(pool: asyncpg.Pool) -> None:
    await pool.execute("delete from gateway.agents where role like 'copy-%'")
    await pool.execute("delete from gateway.contracts where id like 'copy-%'")


async def nobody_searches(pool: asyncpg.Pool) -> bool:
    """Whether the database has ended all searches."""
    return bool(await pool.fetchval(NOBODY_SEARCHES))
