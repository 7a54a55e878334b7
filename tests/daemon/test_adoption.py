"""What a daemon does with the processes that one before it has left behind: nothing runs twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_daemon.adoption import Decision, Expected, Found, ProcessId, decide

OURS, CHILD, OLD, REUSED = ProcessId(1, "a"), ProcessId(2, "b"), ProcessId(3, "c"), ProcessId(1, "later")


def found(process: ProcessId, connection: str = "now", *, leads: bool = True, at: float = 10.0) -> Found:
    return Found(process, connection, leads, at)


def expected(process: ProcessId | None, *, stopping: bool = False, failed: bool = False) -> Expected:
    return Expected("now", process, stopping, failed)


@pytest.mark.parametrize(
    ("known", "processes", "then"),
    [
        (expected(OURS), [found(OURS)], Decision(OURS, "now", ())),
        (expected(OURS), [found(OURS), found(CHILD, leads=False)], Decision(OURS, "now", ())),
        (expected(OURS), [], Decision(None, None, ())),
        (expected(OURS), [found(REUSED)], Decision(None, None, (REUSED,))),
        (expected(OURS), [found(CHILD, leads=False)], Decision(None, None, (CHILD,))),  # its leader is gone
        (expected(OURS), [found(OURS), found(OLD, "old")], Decision(OURS, "now", (OLD,))),
        (expected(None), [found(OURS)], Decision(OURS, "now", ())),  # killed between its start and its record
        (expected(None), [found(OURS, at=1), found(CHILD, at=9)], Decision(OURS, "now", ())),
        (expected(None), [found(OLD, "old")], Decision(None, None, (OLD,))),
        (expected(OURS, stopping=True), [found(OURS)], Decision(None, None, (OURS,))),
        (expected(OURS, failed=True), [found(OURS)], Decision(None, None, (OURS,))),
        (None, [found(OURS, at=9), found(OLD, "old", at=1)], Decision(OURS, "now", (OLD,))),
        # started in the same tick of the clock, however they are listed
        (None, [found(CHILD), found(OURS, "old")], Decision(CHILD, "now", (OURS,))),
        (None, [found(OURS, "old"), found(CHILD)], Decision(CHILD, "now", (OURS,))),
        (expected(None), [found(CHILD), found(OURS)], Decision(OURS, "now", ())),
        (None, [found(CHILD, leads=False)], Decision(None, None, (CHILD,))),
    ],
)
def test_what_is_adopted_and_what_is_ended(
    known: Expected | None, processes: list[Found], then: Decision
) -> None:
    assert decide(known, processes) == then


PROCESSES = st.lists(
    st.builds(
        Found,
        st.builds(ProcessId, st.integers(1, 6), st.sampled_from("ab")),
        st.sampled_from(["now", "old", "older"]),
        st.booleans(),
        st.floats(0, 100),
    ),
    unique_by=lambda each: each.process.pid,
)
KNOWN = st.one_of(
    st.none(),
    st.builds(
        Expected,
        st.sampled_from(["now", "old"]),
        st.one_of(st.none(), st.builds(ProcessId, st.integers(1, 6), st.sampled_from("ab"))),
        st.booleans(),
        st.booleans(),
    ),
)


@given(KNOWN, PROCESSES)
def test_one_leader_at_most_goes_on_and_everything_of_another_connection_ends(
    known: Expected | None, processes: list[Found]
) -> None:
    then = decide(known, processes)
    stay = [each for each in processes if each.process not in then.end]
    assert {each.connection_id for each in stay} <= {then.connection_id}
    assert (then.adopt is None) is (stay == [])
    if then.adopt is not None:
        assert any(each.process == then.adopt and each.leads for each in stay)
    if known is not None and (known.stopping or known.failed):
        assert then.adopt is None
