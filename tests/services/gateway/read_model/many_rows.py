"""Ten thousand contracts and agents in the read model's tables, made in a moment; and what a query reads of them."""

from collections.abc import Iterator
from typing import Final, cast

import asyncpg
import orjson

MANY: Final = 10_000
# Of a hundred contracts two wait for a person, one is blocked, three are at work, and the others are over.
CONTRACTS: Final = """
insert into gateway.contracts (
  tenant, id, name, description, contract_type, owner_id, status, phase, phases, deliverables, version, phase_guard, auto_complete_enabled,
  tasks_total, tasks_pending, tasks_claimed, tasks_running, tasks_completed, tasks_failed, waiting_for, stale, supervisor_task_id,
  supervisor_alive, created_at, updated_at, status_changed_at, last_activity_at, created_position, daemon_id
)
select 'default', 'c' || lpad(number::text, 6, '0'), 'contract ' || number, '', 'simple', 'owner-' || number % 50,
  case number % 100 when 0 then 'waiting_for_input' when 1 then 'waiting_for_input' when 2 then 'blocked' when 3 then 'active'
    when 4 then 'active' when 5 then 'active' when 6 then 'failed' else 'completed' end,
  case when number % 20 = 0 then 'plan' else 'execute' end, '[]', '[]', 1, false, true, 1, 0, 0, 0, 1, 0,
  case when number % 100 < 2 then 'question' end, number % 500 = 3, 's' || number, number % 100 between 3 and 5, now(), now(),
  now() - number * interval '1 second', now(), number, 'd' || number % 200
from generate_series(1, $1) as number
"""
SUPERVISORS: Final = """
insert into gateway.supervisors (tenant, task_id, contract_id, daemon_id, state, phase, alive, registered_at, changed_at)
select tenant, supervisor_task_id, id, daemon_id, 'working', phase, supervisor_alive, now(), now() from gateway.contracts
"""
QUESTIONS: Final = """
insert into gateway.questions
select tenant, id, 'q1', 'Which?', 'text', '[]', case when status = 'waiting_for_input' then 'open' else 'answered' end, null, now(), null,
  created_position
from gateway.contracts
"""
AGENTS: Final = """
insert into gateway.agents
select tenant, id, 'builder', owner_id,
  case created_position % 100 when 0 then 'dead' when 1 then 'dead_failed_revive' when 2 then 'working' else 'offline' end,
  'k', daemon_id, now(), now(), 1, created_position, 'AgentJoined', 'join', null, null, false, created_position % 500 = 2, null, '[]'
from gateway.contracts
"""
ANALYZE: Final = "analyze gateway.contracts, gateway.supervisors, gateway.questions, gateway.agents"
Node = dict[str, object]


async def fill(pool: asyncpg.Pool) -> None:
    await pool.execute(CONTRACTS, MANY)
    for statement in (SUPERVISORS, QUESTIONS, AGENTS, ANALYZE):
        await pool.execute(statement)


async def plan_of(pool: asyncpg.Pool, sql: str, *arguments: object) -> Node:
    """How Postgres has run the statement."""
    explained = await pool.fetchval(f"explain (analyze, format json) {sql}", *arguments)
    (plan,) = cast("list[dict[str, Node]]", orjson.loads(explained))
    return plan["Plan"]


def reads(plan: Node, table: str) -> Iterator[Node]:
    """The nodes of a plan that read a table or an index of it."""
    if plan.get("Relation Name") == table:
        yield plan
    for part in cast("list[Node]", plan.get("Plans", [])):
        yield from reads(part, table)


def rows_read(node: Node) -> float:
    """How many rows a node has looked at, over all its repeats."""
    seen = cast("float", node["Actual Rows"]) + cast("float", node.get("Rows Removed by Filter", 0))
    return seen * cast("float", node["Actual Loops"])
