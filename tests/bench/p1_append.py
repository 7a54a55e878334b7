"""P1: appending, 32 callers × 1 event, beside a plain unordered insert and beside the library
`eventsourcing`, in the same run.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from tests.bench.figure import BenchEnv, Figure
from tests.bench.writers import DATA, Speed, appending, drive, inserting

ROUNDS = 5
SECONDS = 3.0
CALLERS = 32
WRITERS = 8


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    ours: list[Speed] = []
    plain: list[Speed] = []
    few: list[Speed] = []
    library: list[float] = []
    for _ in range(ROUNDS):
        async with inserting(dsn, CALLERS) as writes:
            plain.append(await drive(writes, SECONDS))
        async with appending(dsn, CALLERS) as writes:
            ours.append(await drive(writes, SECONDS))
        async with appending(dsn, WRITERS) as writes:
            few.append(await drive(writes, SECONDS))
        library.append(await asyncio.to_thread(with_eventsourcing, dsn, SECONDS))
    rate, beside = median(speed.rate for speed in ours), median(speed.rate for speed in plain)
    p50, p50_beside = median(speed.p50 for speed in ours), median(speed.p50 for speed in plain)
    eight, peer = median(speed.rate for speed in few), median(library)
    insert = "plain identity-column insert, unordered, 32 connections"
    return [
        Figure(
            "P1",
            f"append, {CALLERS} callers × 1 event",
            rate,
            "events/s",
            beside,
            insert,
            "≥ 2 × the plain insert",
            rate >= 2 * beside,
        ),
        Figure(
            "P1",
            f"append, {CALLERS} callers × 1 event, p50",
            p50,
            "ms",
            p50_beside,
            insert,
            "≤ 3 ms",
            p50 <= 3,
        ),
        Figure(
            "P1",
            f"append, {WRITERS} writers × 1 event",
            eight,
            "events/s",
            peer,
            f"eventsourcing, {WRITERS} threads",
            "≥ 5 × eventsourcing",
            eight >= 5 * peer,
        ),
    ]


def with_eventsourcing(dsn: str, seconds: float) -> float:
    """Events per second of the PyPI library, as it comes, one thread a writer."""
    parts = urlsplit(dsn)
    datastore = PostgresDatastore(
        dbname=parts.path[1:],
        host=parse_qs(parts.query)["host"][0],
        port=5432,
        user=parts.username or "",
        password="",
        pool_size=WRITERS,
    )
    table = f"peer_{uuid4().hex[:8]}"
    recorder = PostgresApplicationRecorder(datastore, events_table_name=table)
    recorder.create_table()

    end = time.perf_counter() + seconds

    def write_on(_writer: int) -> int:
        aggregate, version = uuid4(), 0
        while time.perf_counter() < end:
            version += 1
            recorder.insert_events([StoredEvent(aggregate, version, "contracts.domain:TaskCompleted", DATA)])
        return version

    try:
        with ThreadPoolExecutor(WRITERS) as threads:
            return sum(threads.map(write_on, range(WRITERS))) / seconds
    finally:
        datastore.close()
