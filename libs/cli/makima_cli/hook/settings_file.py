"""The settings file of a coding agent with `makima hook` in it, and without: pure, text in and text out.

Format: `{"hooks": {"<event>": [{"matcher"?, "hooks": [{"type": "command", "command", "timeout"}]}]}}`. Source: the
hooks reference of Claude Code, whose format other coding agents have taken over.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final, cast

# event → whether its entries have a matcher (of tools: all of them)
EVENTS: Final[Mapping[str, bool]] = {
    "SessionStart": False,
    "UserPromptSubmit": False,
    "PreToolUse": True,
    "PostToolUse": True,
    "PostToolUseFailure": True,
    "PermissionRequest": True,
    "Notification": False,
    "Stop": False,
    "SessionEnd": False,
}
HOOK_TIMEOUT_SECONDS: Final = 5  # after which the agent goes on by itself; a hook takes a tenth of a second
PROGRAMS: Final = frozenset({"makima", "makima-server"})

Object = dict[str, object]


class UnfitSettingsError(Exception):
    """The file is not what a settings file is; the message says what is wrong with it."""


def installed(text: str, command: str) -> str:
    """The file with `command` run at each event, and nothing else changed; `text` is empty for a new file.

    An entry of ours from before is replaced. Raises `UnfitSettingsError`.
    """
    document = _read(text)
    there = cast("Object", document.get("hooks", {}))
    hooks = {event: _foreign(_groups(there, event)) for event in there}
    for event, of_tools in EVENTS.items():
        entry: Object = {"matcher": "*"} if of_tools else {}
        entry["hooks"] = [{"type": "command", "command": command, "timeout": HOOK_TIMEOUT_SECONDS}]
        hooks[event] = [*hooks.get(event, []), entry]
    return _written(document | {"hooks": hooks}, text)


def removed(text: str) -> str:
    """The file without any entry of ours; empty if nothing else is in it. Raises `UnfitSettingsError`."""
    document = _without(_read(text))
    return _written(document, text) if document else ""


def is_ours(command: object) -> bool:
    """True for a command that runs `makima hook`, by whatever path."""
    if not isinstance(command, str):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    program = PurePath(words[0]).name if words else ""
    return words[1:] == ["hook"] and program.removesuffix(".exe") in PROGRAMS


def _read(text: str) -> Object:
    try:
        document: object = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise UnfitSettingsError(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnfitSettingsError("it is not a JSON object")
    hooks = cast("Object", document).get("hooks", {})
    if not isinstance(hooks, dict):
        raise UnfitSettingsError('its "hooks" is not an object')
    for event in cast("Object", hooks):
        _groups(cast("Object", hooks), event)
    return cast("Object", document)


def _groups(hooks: Object, event: str) -> list[object]:
    groups = hooks.get(event, [])
    if not isinstance(groups, list):
        raise UnfitSettingsError(f'its "hooks" → "{event}" is not an array')
    return cast("list[object]", groups)


def _without(document: Object) -> Object:
    """What stays without ours. An object or array that held nothing but ours goes with it."""
    if "hooks" not in document:
        return document
    hooks = cast("Object", document["hooks"])
    kept = {event: _foreign(_groups(hooks, event)) for event in hooks}
    left = {event: groups for event, groups in kept.items() if groups or not hooks[event]}
    if left or not hooks:
        return document | {"hooks": left}
    return {name: value for name, value in document.items() if name != "hooks"}


def _foreign(groups: Sequence[object]) -> list[object]:
    kept = [(group, _foreign_commands(group)) for group in groups]
    return [left for group, left in kept if left is not None or group is None]


def _foreign_commands(group: object) -> object:
    """The group without our commands; None if it held nothing else."""
    if not isinstance(group, dict):
        return group
    members = cast("Object", group)
    commands = members.get("hooks")
    if not isinstance(commands, list):
        return members
    listed = cast("list[object]", commands)
    left = [one for one in listed if not _runs_ours(one)]
    return members | {"hooks": left} if left or not listed else None


def _runs_ours(entry: object) -> bool:
    return isinstance(entry, dict) and is_ours(cast("Object", entry).get("command"))


def _written(document: Object, like: str) -> str:
    """As JSON with the indentation and the end that the file had."""
    found = re.search(r"\n([ \t]+)\"", like)
    indent: str | int = found[1] if found else 2
    end = "" if like and not like.endswith("\n") else "\n"
    return json.dumps(document, indent=indent, ensure_ascii=False) + end
