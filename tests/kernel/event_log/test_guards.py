"""A command may be guarded by several streams: it is stored only while all of them are as they were."""

import asyncpg
from makima_kernel.event_log.append import Appended, GuardConflict

from tests.kernel.event_log.append_builders import call, command, event


async def test_each_of_several_guards_must_hold(pool: asyncpg.Pool) -> None:
    await call(pool, command("silence-owner", event()), command("silence-maintenance", event(), event()))
    hold, maintenance = ("silence-owner", 1), ("silence-maintenance", 2)
    told = await call(
        pool,
        command("agent-a", event(), guards=(hold, ("silence-maintenance", 1))),
        command("agent-b", event(), guards=(("silence-owner", 0), ("silence-maintenance", 1))),
        command("agent-c", event(), guards=(hold, maintenance)),
        command("agent-d", event()),
    )
    assert told[:2] == [GuardConflict(actual=2), GuardConflict(actual=1)]
    assert all(isinstance(one, Appended) for one in told[2:])
