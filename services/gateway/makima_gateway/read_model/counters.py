"""Maintains the counts in `tallies` and `agent_counts`: a batch adds the changes of its contracts and agents."""

from collections import Counter
from collections.abc import Iterable, Iterator

from makima_gateway.read_model.rows import (
    AgentCountKey,
    AgentCountRow,
    AgentRow,
    ContractRow,
    Counts,
    Rows,
    TallyKey,
    TallyRow,
)


def counted(row: ContractRow) -> tuple[TallyKey, Counts]:
    """The key of the row of `tallies` in which a contract is counted, and what it adds to each count."""
    key = (row.tenant, row.owner_id, row.status.value, row.phase)
    return key, (1, int(row.stale), int(row.supervisor_alive), row.tasks_running, row.tasks_pending)


def changes(rows: Rows) -> list[TallyRow]:
    """What to add to each row of `tallies` (may be negative).

    Contracts whose counts are unchanged add nothing.
    """
    sums: dict[TallyKey, list[int]] = {}
    for key, counts, sign in _moves(rows):
        sums[key] = [
            total + sign * count for total, count in zip(sums.get(key, (0, 0, 0, 0, 0)), counts, strict=True)
        ]
    return [TallyRow(*key, *total) for key, total in sums.items() if any(total)]


def counted_agent(row: AgentRow) -> AgentCountKey | None:
    """The key of the row of `agent_counts` in which an agent is counted; None for one that is hidden."""
    return None if row.hidden else (row.tenant, row.owner_id, row.agent_status.value, row.stuck)


def agent_changes(rows: Rows, deleted: Iterable[AgentRow]) -> list[AgentCountRow]:
    """What to add to each row of `agent_counts` (may be negative). `deleted`: agents as they were counted, which are
    gone with their contracts; the working set does not have them any more.
    """
    sums = Counter[AgentCountKey]()
    for key, row in rows.agents.items():
        sums.subtract(_once(rows.counted_agents.get(key)))
        sums.update(_once(counted_agent(row)))
    for row in deleted:
        sums.subtract(_once(counted_agent(row)))
    return [AgentCountRow(*key, count) for key, count in sorted(sums.items()) if count]


def _once(key: AgentCountKey | None) -> tuple[AgentCountKey, ...]:
    return () if key is None else (key,)


def _moves(rows: Rows) -> Iterator[tuple[TallyKey, Counts, int]]:
    """For each contract whose counts changed: its old counts with sign −1, its new ones with sign 1."""
    for contract in rows.changed | rows.deleted:
        before, row = rows.counted.get(contract), rows.contracts.get(contract)
        after = None if row is None else counted(row)
        if before == after:
            continue
        if before is not None:
            yield *before, -1
        if after is not None:
            yield *after, 1
