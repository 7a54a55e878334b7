"""What a daemon answers may be anything: whoever asked it gets an outcome, and never an exception."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_kernel.commands.daemon_request import Outcome, read_answer
from makima_kernel.commands.daemon_signal import problem_of
from makima_kernel.commands.daemon_start import start_answer
from makima_schemas.errors import ErrorCode

NAMES = st.sampled_from(["error", "accepted", "reason", "code", "detail", "hint", "kept", "removed", "self"])
WORDS = st.sampled_from(["", "busy", "INVALID_REQUEST", "no such code", "x" * 5_000])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=50) | VALUES.map(orjson.dumps))
def test_any_bytes_of_a_daemon_give_an_outcome(data: bytes) -> None:
    answer = read_answer(data)
    problem = problem_of("d1", answer)
    assert (problem is not None) == (answer.outcome == "refused")
    assert problem is None or len(problem.detail) < 600
    assert start_answer(answer).outcome in {"accepted", "refused"}
    assert answer.outcome == "answered" or start_answer(answer).outcome == "refused"


@pytest.mark.parametrize(
    ("data", "outcome", "code", "starts"),
    [
        (b"", "answered", None, "refused"),
        (b"done", "answered", None, "refused"),
        (b"{}", "answered", None, "refused"),
        (b"[1]", "answered", None, "refused"),
        (b'{"removed": 1}', "answered", None, "refused"),
        (b'{"accepted": true}', "answered", None, "accepted"),
        (b'{"accepted": false}', "refused", "UNAVAILABLE", "refused"),
        (b'{"accepted": 1}', "refused", "UNAVAILABLE", "refused"),
        (b'{"error": "busy"}', "refused", "UNAVAILABLE", "refused"),
        (b' { "error": {}}', "refused", "UNAVAILABLE", "refused"),
        (b'{"error": {"code": "NOT_FOUND", "detail": "gone"}}', "refused", "NOT_FOUND", "refused"),
        (b'{"error": {"code": ["NOT_FOUND"]}}', "refused", "UNAVAILABLE", "refused"),
    ],
)
def test_only_what_is_said_plainly_counts(
    data: bytes, outcome: Outcome, code: ErrorCode | None, starts: str
) -> None:
    answer = read_answer(data)
    problem = problem_of("d1", answer)
    assert answer.outcome == outcome
    assert (None if problem is None else problem.code) == code
    assert start_answer(answer).outcome == starts


def test_a_refusal_says_why_in_the_daemons_words() -> None:
    for said in (
        b'{"error": "busy"}',
        b'{"accepted": false, "reason": "busy"}',
        b'{"error": {"detail": "busy"}}',
    ):
        problem = problem_of("d1", read_answer(said))
        assert problem is not None
        assert problem.detail == "daemon d1 refused: busy"
