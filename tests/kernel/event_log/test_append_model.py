"""Whatever batches come, in whatever order: the database answers as a page of Python does."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_kernel.event_log.append import Append
from makima_kernel.event_log.append_batching import PendingAppend, take_batch
from makima_kernel.event_log.log import Log

from tests.kernel.event_log.append_builders import call, command, event
from tests.kernel.event_log.reference_model import Model

STREAMS = [f"contract-{name}" for name in "abcd"]
SIZES = [2, 3, 300, 262_144, 262_145]


@st.composite
def commands(draw: st.DrawFn) -> Append:
    """Few streams, ids and versions, so that they meet often; sizes around the limits now and then."""
    stream = draw(st.sampled_from(STREAMS))
    sizes = draw(
        st.lists(st.sampled_from(SIZES[:3]), max_size=3) | st.lists(st.sampled_from(SIZES), max_size=3)
    )
    return command(
        stream,
        *(event(b'"' + b"x" * (size - 2) + b'"') for size in sizes),
        expected=draw(st.none() | st.integers(0, 4)),
        command_id=UUID(int=draw(st.integers(0, 11))),
        guards=tuple(
            draw(
                st.lists(
                    st.tuples(
                        st.sampled_from([name for name in STREAMS if name != stream]), st.integers(0, 3)
                    ),
                    max_size=2,
                )
            )
        ),
        request_hash=draw(st.sampled_from([b"one", b"other"])),
    )


def batches(pending: Sequence[Append]) -> list[list[Append]]:
    """As the appender would send them."""
    queue = deque(PendingAppend(append, asyncio.get_running_loop().create_future()) for append in pending)
    sent: list[list[Append]] = []
    while queue:
        sent.append([waiting.append for waiting in take_batch(queue)])
    return sent


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pending=st.lists(st.lists(commands(), min_size=1, max_size=12), min_size=1, max_size=4))
async def test_the_database_answers_as_the_model_does(
    pool: asyncpg.Pool, pending: list[list[Append]]
) -> None:
    tenant = uuid4().hex
    log = Log(pool)
    start = await log.head()
    model = Model(start)
    for wave in pending:
        own = [replace(append, tenant=tenant) for append in wave]
        for batch in batches(own):
            assert await call(pool, *batch) == model.call(batch)
    recorded = await log.after(start, 10_000)
    assert [e.position for e in recorded] == list(range(start + 1, model.head + 1))
    for (_, stream), version in model.versions.items():
        assert [e.version for e in recorded if e.stream == stream] == list(range(1, version + 1))
