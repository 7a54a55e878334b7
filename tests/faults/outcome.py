"""What a trial has left, compared with the truth: four comparisons, the same for every fault."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from makima_schemas.envelope import Recorded
from makima_schemas.silence import SilenceDetected

from tests.background import running
from tests.faults.comparison import (
    Comparison,
    acknowledged_beside_log,
    delivered_beside_log,
    shown_beside_fold,
    verdicts_beside_truth,
)
from tests.faults.subscribers import whole_log, whole_stream
from tests.faults.trial import RECOVERY_SECONDS, Trial
from tests.guarantees.heartbeat_oracle import StoredHeartbeats
from tests.guarantees.read_models import OURS, folded_rows
from tests.servers import BUDGET
from tests.services.stale_detector.harness import GRACE, INTERVAL, TIMEOUT

Rows = dict[str, Counter[str]]
LOOK: Final = 0.2  # seconds
SOCKET_SECONDS: Final = 30.0  # a socket that has not told everything by then has lost it
WRONGED_WITHIN: Final = TIMEOUT + GRACE + INTERVAL  # seconds of a shard's time


async def compared(trial: Trial) -> list[Comparison]:
    await trial.writers.done()
    truth, told = await judged(trial)
    await trial.settled()
    await watched(trial)
    await trial.system.runner.stop(*trial.system.names)
    shown, fold = await folded(trial)
    log, stream = await whole_log(trial.log), await whole_stream(trial.nats)
    got = {"stream": stream, "consumer": trial.subscribers.consumed}
    return [
        acknowledged_beside_log(
            trial.fault, trial.writers.acknowledged, log, trial.writers.unclear, told_to_callers(trial)
        ),
        in_order(trial, log, got),
        delivered_beside_log(
            trial.fault,
            trial.subscribers.watchable(log),
            {"monitor socket": trial.subscribers.seen_by_monitor(log)},
        ),
        shown_beside_fold(trial.fault, shown, fold),
        verdicts_beside_truth(trial.fault, truth, told, trial.fleet.dead),
    ]


def in_order(trial: Trial, log: Sequence[Recorded], got: dict[str, list[tuple[int, str]]]) -> Comparison:
    """Also the log itself: positions without a gap."""
    gaps = [str(at) for at, event in enumerate(log, 1) if event.position != at]
    return delivered_beside_log(trial.fault, log, got, f"gaps in the log: {', '.join(gaps[:3]) or 'none'}")


def told_to_callers(trial: Trial) -> str:
    refused = ", ".join(f"{count} x {why}" for why, count in trial.writers.refused.most_common())
    tries = f"tries refused: {refused}" if refused else ""
    longest = f"longest wait {trial.writers.longest:.1f} s"
    return "; ".join(filter(None, (trial.note(), longest, tries)))


async def judged(trial: Trial) -> tuple[StoredHeartbeats, list[SilenceDetected]]:
    """What the broker stored and what was declared, once all who died were found, and whoever is wronged would
    have been; whatever there is after `RECOVERY_SECONDS`.
    """
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_SECONDS:
        truth, told = await trial.heard(), await trial.verdicts()
        if truth.silent(told) >= trial.fleet.dead:
            break
        await asyncio.sleep(LOOK)
    since = max(at for times in (await trial.heard()).shards.values() for at in times)
    while time.monotonic() - began < RECOVERY_SECONDS:
        if (await trial.heard()).flowed_everywhere(since).total_seconds() > WRONGED_WITHIN:
            break
        await asyncio.sleep(LOOK)
    told = await trial.verdicts()
    return await trial.heard(), [verdict for verdict in told if verdict.sender_id not in trial.seldom]


async def watched(trial: Trial) -> None:
    """Wait until the monitor has said as much as it has to; what is missing after a while is a difference."""
    wanted = len(trial.subscribers.watchable(await whole_log(trial.log)))
    with suppress(AssertionError):
        await eventually(lambda: len(trial.subscribers.watched) >= wanted, SOCKET_SECONDS)


async def folded(trial: Trial) -> tuple[Rows, Rows]:
    """What the services' tables show, and what a rebuild makes of them. The services have been stopped: what they
    appended at their end is relayed and applied here.
    """
    pool, log = trial.pool, trial.log
    projectors = [Projector(each, pool, log, trial.nats, owner="the trial") for each in OURS]
    relay = Relay(pool, trial.nats, budget=BUDGET)
    async with running(relay.run(), *(projector.run() for projector in projectors)):
        head = await log.head()
        for projector in projectors:
            assert await projector.wait_for(head, RECOVERY_SECONDS), projector.ready()
        await eventually(lambda: relay.position >= head, RECOVERY_SECONDS)
        consumed = trial.subscribers.consumed
        await eventually(lambda: consumed and consumed[-1][0] >= head, RECOVERY_SECONDS)
    shown: Rows = {}
    fold: Rows = {}
    for projection in OURS:
        shown |= await folded_rows(pool, projection)
        await rebuild(projection, pool, log)
        fold |= await folded_rows(pool, projection)
    return shown, fold
