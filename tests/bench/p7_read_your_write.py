"""P7: from an HTTP write to the answer that reads it, 100 writes a second, beside a bare route that inserts
one row and commits.
"""

from tests.bench.figure import BenchEnv, Figure
from tests.bench.lean_http import LeanHttp
from tests.bench.served import drive, percentiles, provisioned, served

WRITES_PER_SECOND = 100
SECONDS = 20.0
WARM_UP_SECONDS = 3.0
BODY = b'{"name": "a contract"}'


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    async with served(dsn, env.nats_url, "contract", "gateway") as (ours, bare):
        for seconds in (WARM_UP_SECONDS, SECONDS):
            plain = await drive(bare, insert_row, WRITES_PER_SECOND, seconds)
            measured = await drive(ours, create_contract, WRITES_PER_SECOND, seconds)
    (p50, p99), (plain_p50, plain_p99) = percentiles(measured), percentiles(plain)
    what, beside = (
        f"HTTP write → answer that reads it, {WRITES_PER_SECOND}/s",
        "a bare route: one insert, committed",
    )
    return [
        Figure("P7", f"{what}, p50", p50, "ms", plain_p50, beside, "≤ 15 ms", p50 <= 15),
        Figure("P7", f"{what}, p99", p99, "ms", plain_p99, beside, "≤ 60 ms", p99 <= 60),
    ]


async def create_contract(client: LeanHttp) -> None:
    answer = await client.post("/api/v1/contracts", BODY)
    if answer.status != 201 or "makima-read-behind" in answer.headers:
        raise RuntimeError(f"the answer does not read the write: {answer}")


async def insert_row(client: LeanHttp) -> None:
    answer = await client.post("/rows", BODY)
    if answer.status != 201:
        raise RuntimeError(f"the row was not inserted: {answer}")
