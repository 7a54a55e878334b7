"""The strip of a sender's latest heartbeats: what it says of each interval, and what is answered on the bus."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from makima_schemas.commands import Problem
from makima_schemas.errors import ErrorCode
from makima_supervisor_heartbeat.domain.beats import slots

from tests.services.supervisor_heartbeat.harness import Running, supervisor_beat

TO: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
STEP: Final = timedelta(seconds=30)

# Name, seconds before `TO` at which heartbeats came (with their connection), heard before, the strip of six intervals
STORIES: Final[list[tuple[str, list[tuple[float, str]], bool, str]]] = [
    ("never heard", [], False, "------"),
    ("heard before, silent since", [], True, "000000"),
    ("regular", [(at, "a") for at in range(205, 0, -30)], True, "111111"),
    ("regular, with jitter", [(at, "a") for at in (206, 174, 147, 114, 87, 55, 26)], True, "111111"),
    ("heard before, silent, and heard again", [(at, "a") for at in (100, 70, 40, 10)], True, "001111"),
    ("joined in the third interval", [(at, "a") for at in (100, 70, 40, 10)], False, "--1111"),
    ("died", [(at, "a") for at in (205, 175, 145, 115)], True, "111l00"),
    ("one heartbeat late", [(at, "a") for at in (205, 175, 145, 75, 45, 15)], True, "11l111"),
    ("one replaced another", [(175, "a"), (145, "a"), (115, "a"), (80, "b"), (50, "b"), (20, "b")], True, "111|11"),
]  # fmt: skip


@pytest.mark.parametrize(("beats", "heard_before", "strip"), [story[1:] for story in STORIES], ids=[s[0] for s in STORIES])  # fmt: skip
def test_a_strip_tells_what_was_heard_at_the_end_of_each_interval(
    beats: list[tuple[float, str]], heard_before: bool, strip: str
) -> None:
    came = [(TO - timedelta(seconds=before), connection) for before, connection in beats]
    assert slots(came, TO, STEP, 6, heard_before=heard_before) == strip


async def beats_of(fleet: Running, **question: object) -> dict[str, object] | Problem:
    return await fleet.service.bus.query("supervisor_heartbeat", "beats", dict(question))


async def test_a_gap_of_who_was_heard_before_the_window_is_missed_not_unjoined(fleet: Running) -> None:
    """It was heard, was silent for most of the window, and is heard again."""
    await fleet.beat(supervisor_beat("t3"))
    await fleet.recorded()
    hour = "date_trunc('hour', now()) - interval"
    await fleet.service.pool.execute(
        f"""do $$ begin execute format('create table supervisor_heartbeat.hours_ago partition of supervisor_heartbeat.heartbeats
                for values from (%L) to (%L)', {hour} '3 hours', {hour} '2 hours'); end $$;
            update supervisor_heartbeat.heartbeats set received_at = {hour} '150 minutes' where sender = 'supervisor-t3'"""
    )
    await fleet.beat(supervisor_beat("t3"))
    await fleet.recorded()
    answer = await beats_of(fleet, streams=["supervisor-t3", "supervisor-t4"], step_seconds=60.0, count=2)
    assert isinstance(answer, dict)
    assert answer["slots"] == {"supervisor-t3": "01", "supervisor-t4": "--"}


async def test_one_question_tells_of_many_senders_up_to_the_watermark(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.recorded()
    streams = ["supervisor-t1", "supervisor-t2"]
    answer = await beats_of(fleet, streams=streams, step_seconds=3600.0, count=3)
    assert isinstance(answer, dict)
    assert answer["slots"] == {"supervisor-t1": "--1", "supervisor-t2": "---"}
    assert datetime.fromisoformat(str(answer["to"])).tzinfo is not None
    for unfit in ({"count": 121}, {"count": 0}, {"step_seconds": 0.0}):
        question = {"streams": streams, "step_seconds": 30.0, "count": 3, **unfit}
        refusal = await beats_of(fleet, **question)
        assert isinstance(refusal, Problem)
        assert refusal.code is ErrorCode.INVALID_REQUEST
