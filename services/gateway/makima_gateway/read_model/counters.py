"""Maintains the counts in `tallies`: a batch adds the changes of its contracts' counts."""

from collections.abc import Iterator

from makima_gateway.read_model.rows import ContractRow, Counts, Rows, TallyKey, TallyRow


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
