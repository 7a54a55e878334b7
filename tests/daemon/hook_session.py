"""One session of a coding agent as its hooks write it to stdin, event by event, with what the agent then does.

Each event has the members that all of them have, and those of its kind, also the many that nobody here reads.
"""

from typing import Final

from makima_daemon.hooks import Effect, Event

SESSION_ID: Final = "0b5c4a52-7f0e-4c37-9a1d-5d2f6a7e9c31"
COMMON: Final[Event] = {
    "session_id": SESSION_ID,
    "transcript_path": f"/home/ada/.claude/projects/-home-ada-shop/{SESSION_ID}.jsonl",
    "cwd": "/home/ada/shop",
    "permission_mode": "default",
}
PUSH: Final = {
    "tool_name": "Bash",
    "tool_input": {
        "command": "curl -H 'Authorization: Bearer s3cret' https://example.org/push",
        "description": "Push",
    },
}


def _event(name: str, **members: object) -> Event:
    return {**COMMON, "hook_event_name": name, **members}


SESSION: Final[list[tuple[Event, Effect | None]]] = [
    (_event("SessionStart", source="startup", model="a-model"), Effect("session started")),
    (_event("UserPromptSubmit", prompt="mend the basket"), Effect("reading a prompt")),
    (
        _event(
            "PreToolUse",
            tool_name="Bash",
            tool_input={"command": "curl -H 'Authorization: Bearer s3cret' x", "timeout": 120000},
            tool_use_id="toolu_01A",
        ),
        Effect("Bash: curl"),
    ),
    (
        _event(
            "PostToolUse",
            tool_name="Edit",
            tool_input={"file_path": "/home/ada/shop/app.py", "old_string": "a", "new_string": "b"},
            tool_response={"filePath": "/home/ada/shop/app.py", "structuredPatch": [{"oldStart": 1}]},
            tool_use_id="toolu_01B",
        ),
        Effect("Edit: app.py — done"),
    ),
    (
        _event(
            "PostToolUseFailure",
            tool_name="Bash",
            tool_input={"command": "make test", "description": "Run the tests"},
            error="Exit code 2",
            is_interrupt=False,
            tool_use_id="toolu_01C",
        ),
        Effect("Bash: Run the tests — failed", moves=False),
    ),
    (
        _event(
            "PermissionRequest",
            **PUSH,
            permission_suggestions=[{"type": "addRules", "behavior": "allow", "destination": "session"}],
        ),
        Effect("waiting for a person: may it use Bash: Push", waits=True),
    ),
    (
        _event("Notification", message="It needs your permission to use Bash", title="Permission"),
        Effect("waiting for a person: It needs your permission to use Bash", waits=True),
    ),
    (
        _event("Notification", message="It waits for you", notification_type="idle_prompt"),
        Effect("waiting for a person: It waits for you", waits=True),
    ),
    (_event("Notification", notification_type="auth_success", message="signed in"), None),
    (
        _event("PreToolUse", tool_name="mcp__makima__ask", tool_input={"question": "Blue?"}),
        Effect("mcp__makima__ask"),
    ),
    (
        _event(
            "SubagentStop",
            stop_hook_active=False,
            agent_id="a1",
            agent_type="Explore",
            agent_transcript_path="/home/ada/.claude/projects/-home-ada-shop/a1.jsonl",
        ),
        None,
    ),
    (_event("NobodyKnowsThis", with_members=["of any", {"kind": None}]), None),
    (_event("Stop", stop_hook_active=False, last_assistant_message="Mended."), Effect("idle")),
    (_event("SessionEnd", reason="clear"), None),
    (_event("SessionEnd", reason="logout"), Effect(leaves=True)),
]


def one_of_each_kind() -> list[tuple[Event, Effect | None]]:
    """In the order of the session; of each kind the one that means most: the last."""
    last = {str(event["hook_event_name"]): (event, effect) for event, effect in SESSION}
    return list(last.values())
