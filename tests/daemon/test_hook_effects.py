"""What each event of a coding agent means: the table, and that nothing strange in it matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_daemon.held_agents import may_join_again
from makima_daemon.hooks import EFFECTS, SHOWN_CHARACTERS, Effect, effect_of
from makima_sdk.problems import AgentLostError, MakimaError, ProblemError, SupersededError, UnreachableError

from tests.daemon.hook_session import SESSION


def test_the_session_has_each_kind_that_means_something() -> None:
    assert set(EFFECTS) <= {event["hook_event_name"] for event, _ in SESSION}


def test_each_event_of_a_session_means_what_happened_in_it() -> None:
    assert [(event, effect_of(event)) for event, _ in SESSION] == SESSION


def test_an_effect_does_only_what_it_says() -> None:
    assert (Effect("idle").waits, Effect("idle").leaves) == (False, False)


def test_an_activity_has_at_most_two_hundred_characters() -> None:
    shown = effect_of({"hook_event_name": "PreToolUse", "tool_name": "x" * 300})
    assert shown == Effect("x" * 200)


def test_a_command_is_never_shown_only_the_name_of_its_program() -> None:
    assert "s3cret" not in str([effect_of(event) for event, _ in SESSION])


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_MEMBERS = st.sampled_from(["tool_name", "tool_input", "message", "notification_type", "reason"])
_INPUT = st.dictionaries(st.sampled_from(["description", "command", "file_path"]), _ANY)


@given(name=st.sampled_from(sorted(EFFECTS)) | _ANY, members=st.dictionaries(_MEMBERS, _ANY | _INPUT))
def test_whatever_the_members_are_an_effect_is_one_short_printable_line_or_none(
    name: object, members: dict[str, object]
) -> None:
    effect = effect_of({**members, "hook_event_name": name})
    activity = (effect and effect.activity) or ""
    assert len(activity) <= SHOWN_CHARACTERS
    assert activity.isprintable()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (UnreachableError("http://x", "refused"), True),
        (ProblemError(503, {}), True),
        (ProblemError(429, {}), True),
        (ProblemError(403, {}), False),
        (ProblemError(404, {}), False),
        (ProblemError(409, {"code": "SUPERSEDED"}), False),
        (AgentLostError("builder", "timeout", ""), True),
        (SupersededError("builder", "superseded", ""), False),
    ],
)
def test_who_may_join_again(error: MakimaError, again: bool) -> None:
    assert may_join_again(error) is again
