"""Snapshots: a cache that never lies."""

import asyncpg
from makima_kernel.event_log.snapshots import Snapshot, Snapshots


async def test_a_snapshot_comes_back_to_the_code_that_took_it(pool: asyncpg.Pool) -> None:
    snapshots = Snapshots(pool, "v1")
    assert await snapshots.load("default", "contract-a") is None
    await snapshots.save("default", "contract-a", Snapshot(3, b"three"))
    assert await snapshots.load("default", "contract-a") == Snapshot(3, b"three")
    assert await snapshots.load("other", "contract-a") is None


async def test_another_codes_snapshot_is_ignored_and_replaced(pool: asyncpg.Pool) -> None:
    old, new = Snapshots(pool, "v1"), Snapshots(pool, "v2")
    await old.save("default", "contract-a", Snapshot(9, b"old"))
    assert await new.load("default", "contract-a") is None
    await new.save("default", "contract-a", Snapshot(4, b"new"))
    assert await new.load("default", "contract-a") == Snapshot(4, b"new")
    assert await old.load("default", "contract-a") is None


async def test_a_late_snapshot_does_not_replace_a_later_one(pool: asyncpg.Pool) -> None:
    snapshots = Snapshots(pool, "v1")
    await snapshots.save("default", "contract-a", Snapshot(5, b"five"))
    await snapshots.save("default", "contract-a", Snapshot(4, b"four"))
    assert await snapshots.load("default", "contract-a") == Snapshot(5, b"five")
