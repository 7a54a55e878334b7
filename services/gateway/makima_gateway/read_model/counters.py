"""What the dashboard counts, as changes: what a batch's contracts counted before it, and what they count after."""

from collections.abc import Iterator

from makima_gateway.read_model.rows import ContractRow, Counts, Rows, TallyKey, TallyRow


def counted(row: ContractRow) -> tuple[TallyKey, Counts]:
    """Under which row of `tallies` a contract counts, and how much."""
    key = (row.tenant, row.owner_id, row.status.value, row.phase)
    return key, (1, int(row.stale), int(row.supervisor_alive), row.tasks_running, row.tasks_pending)


def changes(rows: Rows) -> list[TallyRow]:
    """What to add to each row of `tallies`; contracts that count as before say nothing."""
    sums: dict[TallyKey, list[int]] = {}
    for key, counts, sign in _moves(rows):
        sums[key] = [total + sign * count for total, count in zip(sums.get(key, (0, 0, 0, 0, 0)), counts, strict=True)]
    return [TallyRow(*key, *total) for key, total in sums.items() if any(total)]


def _moves(rows: Rows) -> Iterator[tuple[TallyKey, Counts, int]]:
    for contract in rows.changed | rows.deleted:
        before, row = rows.counted.get(contract), rows.contracts.get(contract)
        after = None if row is None else counted(row)
        if before == after:
            continue
        if before is not None:
            yield *before, -1
        if after is not None:
            yield *after, 1
