"""What an event of a coding agent's hooks means for the agent that the daemon holds for it: a table, and pure.

Source of the events and their members: the hooks reference of Claude Code. Events and members that are not here
are ignored, so that newer coding agents go on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, cast

SHOWN_CHARACTERS: Final = 200  # of an activity

Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Effect:
    """What the held agent does. It joins first if it has not: the daemon may have started after the session."""

    activity: str | None = None  # reported with the next beat; a new text is progress
    waits: bool = False  # for a person: quiet until the next event, so that waiting is not being stuck
    leaves: bool = False  # and is held no longer
    moves: bool = True  # else its activity is reported only in place of waiting: it is no progress


def effect_of(event: Event) -> Effect | None:
    """What to do on this event; None for one that says nothing about the agent."""
    name = event.get("hook_event_name")
    rule = EFFECTS.get(name) if isinstance(name, str) else None
    return rule(event) if rule else None


def _waiting_for_permission(event: Event) -> Effect:
    return Effect(_shown("waiting for a person: may it use", _tool(event)), waits=True)


def _notified(event: Event) -> Effect | None:
    """Of its notifications only those that wait: older versions of it have no type, and notify for nothing else."""
    kind = event.get("notification_type", "permission_prompt")
    if not isinstance(kind, str) or kind not in NOTIFICATIONS_THAT_WAIT:
        return None
    return Effect(_shown("waiting for a person:", _text(event, "message") or "a notification"), waits=True)


def _failed(event: Event) -> Effect:
    """It lives, but what fails again and again is to be seen as stuck."""
    return Effect(_shown(_tool(event), "— failed"), moves=False)


def _ended(event: Event) -> Effect | None:
    """Cleared is not ended: the same process goes on with an empty conversation."""
    return None if event.get("reason") == "clear" else Effect(leaves=True)


def _tool(event: Event) -> str:
    """The tool, and on what: its description, else the name of the program or of the file.

    Never a whole command or a content: those may hold secrets, and an activity is shown to others.
    """
    tool = _text(event, "tool_name") or "a tool"
    given = event.get("tool_input")
    about = _about(cast("Event", given)) if isinstance(given, dict) else None
    return f"{tool}: {about}" if about else tool


def _about(given: Event) -> str | None:
    if description := _text(given, "description"):
        return description
    if command := _text(given, "command"):
        return PurePath(command.split()[0]).name
    file = _text(given, "file_path") or _text(given, "notebook_path")
    return PurePath(file).name if file else None


def _text(members: Event, name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and value.strip() else None


def _shown(*parts: str) -> str:
    """One line that a terminal does not obey, of bounded length."""
    printable = "".join(part if part.isprintable() else " " for part in " ".join(parts))
    return " ".join(printable.split())[:SHOWN_CHARACTERS]


# event → what it means
EFFECTS: Final[Mapping[str, Callable[[Event], Effect | None]]] = {
    "SessionStart": lambda _: Effect("session started"),
    "UserPromptSubmit": lambda _: Effect("reading a prompt"),
    "PreToolUse": lambda event: Effect(_shown(_tool(event))),
    "PostToolUse": lambda event: Effect(_shown(_tool(event), "— done")),
    "PostToolUseFailure": _failed,
    "PermissionRequest": _waiting_for_permission,
    "Notification": _notified,
    "Stop": lambda _: Effect("idle"),
    "SessionEnd": _ended,
}  # fmt: skip

NOTIFICATIONS_THAT_WAIT: Final = frozenset({
    "permission_prompt", "idle_prompt", "elicitation_dialog", "agent_needs_input",
})  # fmt: skip
