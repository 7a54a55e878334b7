"""A sender that moves between lanes is observed in the order of the stream, whichever lane commits first."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from makima_schemas.supervisor import ObserveHeartbeat, SupervisorState
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.observation_order import ObservationOrder, Observed
from makima_supervisor_heartbeat.domain.sender_state import SUPERVISOR
from makima_supervisor_heartbeat.handlers.recorder import lanes_of

from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.services.supervisor_heartbeat.messages import message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing

LANES = 2


def batches(*beats: tuple[int, str]) -> list[Sequence[Observed]]:
    """The observations of each lane, of heartbeats of one supervisor: (shard, connection id) in stream order.

    Each shard is another daemon's.
    """
    reader = BatchBuilder(knowing("c-t1"), lanes_of(range(8)))
    slices = reader.empty("e1")
    for sequence, (shard, connection) in enumerate(beats, start=1):
        beat = supervisor_beat("t1", SupervisorState.WORKING, connection_id=connection)
        reader.fill(slices, [message(beat, sequence, f"makima.shards.{shard}.supervisor.d{shard}.t1")])
    return [[each for each in slice_.observations if _is_supervisors(each)] for slice_ in slices]


def _is_supervisors(observed: Observed) -> bool:
    return isinstance(observed[1], ObserveHeartbeat)


def decided(observations: Sequence[Observed]) -> tuple[str | None, str, tuple[str, ...]]:
    """Connection and daemon that the log names after these observations were decided, and whom it fences."""
    state = SUPERVISOR.initial
    for _, observed in observations:
        assert isinstance(observed, ObserveHeartbeat)
        for event in SUPERVISOR.decide(observed, state):
            state = SUPERVISOR.evolve(state, event)
    return state.connection_id, state.daemon_id, state.superseded


def test_a_connection_is_fenced_also_if_its_lane_commits_last() -> None:
    newer, older = batches((1, "old"), (2, "new"))
    assert decided([*newer, *older]) == ("new", "d2", ()), "as they commit: the old one may come back"
    order = ObservationOrder(LANES)
    assert order.committed(0, newer) == []
    assert decided(order.committed(1, older)) == ("new", "d2", ("old",))


@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from("abcdef")), max_size=12),
    st.lists(st.sampled_from((0, 1)), min_size=4, max_size=4),
)
def test_the_log_names_the_newest_connection_whichever_lane_commits_first(
    beats: Sequence[tuple[int, str]], turns: Sequence[int]
) -> None:
    """Two rounds of two lanes; each lane commits its batches in order, `turns` says which lane is next."""
    half = len(beats) // 2
    whole = [each for lane in batches(*beats) for each in lane]
    whole.sort(key=lambda observed: observed[1].heard.stream_sequence)
    rounds = [[[each for each in lane if _sequence(each) <= half] for lane in batches(*beats)],
              [[each for each in lane if _sequence(each) > half] for lane in batches(*beats)]]  # fmt: skip
    order, done, released = ObservationOrder(LANES), [0, 0], list[Observed]()
    for lane in (*turns, 0, 0, 1, 1):
        if done[lane] < len(rounds):
            released += order.committed(lane, rounds[done[lane]][lane])
            done[lane] += 1
    assert [_sequence(each) for each in released] == [_sequence(each) for each in whole]
    assert decided(released) == decided(whole)


def _sequence(observed: Observed) -> int:
    return observed[1].heard.stream_sequence
