"""What each event of a coding agent means: the table, and that nothing strange in it matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_daemon.held_agents import may_join_again
from makima_daemon.hooks import EFFECTS, SHOWN_CHARACTERS, Effect, Event, effect_of
from makima_sdk.problems import AgentLostError, MakimaError, ProblemError, SupersededError, UnreachableError

# A session as its hooks wrote it, each with what the agent then does.
SESSION: list[tuple[Event, Effect | None]] = [
    ({"hook_event_name": "SessionStart", "source": "startup"}, Effect("session started")),
    ({"hook_event_name": "UserPromptSubmit", "prompt": "mend it"}, Effect("reading a prompt")),
    (
        {
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": "curl -H 'Authorization: Bearer s3cret' x"},
        },
        Effect("Bash: curl"),
    ),
    (
        {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"description": "Push"}},
        Effect("waiting for a person: may it use Bash: Push", waits=True),
    ),
    (
        {"hook_event_name": "Notification", "message": "Claude needs your permission"},
        Effect("waiting for a person: Claude needs your permission", waits=True),
    ),
    ({"hook_event_name": "Notification", "notification_type": "auth_success", "message": "in"}, None),
    (
        {
            "hook_event_name": "PostToolUse",
            "tool_name": "Edit",
            "tool_input": {"file_path": "/home/x/app.py"},
        },
        Effect("Edit: app.py — done"),
    ),
    ({"hook_event_name": "PreToolUse", "tool_name": "mcp__makima__ask"}, Effect("mcp__makima__ask")),
    ({"hook_event_name": "SubagentStop"}, None),
    ({"hook_event_name": "Stop", "stop_hook_active": False}, Effect("idle")),
    ({"hook_event_name": "SessionEnd", "reason": "clear"}, None),
    ({"hook_event_name": "SessionEnd", "reason": "logout"}, Effect(leaves=True)),
]


def test_a_recorded_session_means_what_happened_in_it() -> None:
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
