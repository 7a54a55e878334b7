"""What to do about a reason of a contract's diagnosis: the command that does it, and who it waits for."""

import re
from collections.abc import Callable, Mapping
from typing import Final

# Reasons whose next step is not a person's, or not the owner's.
WHO: Final[Mapping[str, str]] = {
    "SUPERVISOR_SILENT": "whoever runs its daemon",
    "SUPERVISOR_STUCK": "whoever runs its daemon",
    "DAEMON_GONE": "whoever runs its daemon",
    "HEARTBEAT_REFUSED": "whoever runs its daemon",
    "HEARTBEAT_CUT": "whoever runs its daemon",
    "TWO_DAEMONS": "whoever runs its daemons",
    "AGENT_DEAD": "whoever runs its daemon",
    "AGENT_RESTARTING": "its daemon",
    "AGENT_STUCK": "whoever runs its daemon",
    "NO_DAEMON": "whoever runs a daemon",
    "NO_SUPERVISOR": "whoever runs a daemon",
    "DAEMON_OVER_LIMIT": "an administrator",
    "DAEMON_UNHEARD": "nobody: makima listens again",
    "UNDER_MAINTENANCE": "an administrator",
    "MAINTENANCE_PLANNED": "an administrator",
    "TASK_UNTAKEN": "an agent of that role",
    "GATE_OPEN": "its agents",
}
A_PERSON: Final = "you, or another person who may change this contract"

_ID: Final = r"([A-Za-z0-9_-]{1,64})"
_ROUTE: Final = rf"/api/v1/contracts/{_ID}"
_COMMANDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (
        re.compile(
            rf"POST {_ROUTE}/(start|pause|resume|block|unblock|fail|reopen|complete|archive)(?![\w/])"
        ),
        lambda found: f"makima contracts {found[2]} {found[1]}",
    ),
    (
        re.compile(rf"POST {_ROUTE}/supervisor/restart"),
        lambda found: f"makima contracts restart-supervisor {found[1]}",
    ),
    (
        re.compile(rf"POST {_ROUTE}/questions/{_ID}/answer"),
        lambda found: f"makima contracts answer {found[1]} {found[2]} ANSWER",
    ),
    (
        re.compile(rf'POST {_ROUTE}/phase {{"phase": "([^"]+)", "confirmed": true}}'),
        lambda found: f"makima contracts confirm {found[1]} --phase {found[2]}",
    ),
    (
        re.compile(rf'POST {_ROUTE}/phase {{"phase": "([^"]+)"}}'),
        lambda found: f"makima contracts advance {found[1]} --phase {found[2]}",
    ),
    (re.compile(rf"GET {_ROUTE}/tasks"), lambda found: f"makima contracts show {found[1]} --verbose"),
    (
        re.compile(rf"POST {_ROUTE}/deliverables/{_ID}/complete"),
        lambda found: f"its supervisor completes deliverable {found[2]}, as the page of the contract does",
    ),
    (
        re.compile(rf"POST {_ROUTE}/check-completion"),
        lambda found: f"its supervisor has it checked, as the page of contract {found[1]} does",
    ),
    (
        re.compile(rf"POST {_ROUTE}/agents/{_ID}/join"),
        lambda found: f"makima run --contract {found[1]} --role {found[2]} -- COMMAND",
    ),
    (re.compile(r"GET /tokens lists them"), lambda _: "`makima token list` lists them"),
    (
        re.compile(rf"POST {_ROUTE}/agents/{_ID}/restart"),
        lambda found: f"makima agent restart --contract {found[1]} --role {found[2]}",
    ),
)


def who(code: object) -> str:
    """Who must act for the reason to go away."""
    return WHO.get(str(code), A_PERSON)


def as_command(act: object) -> str:
    """The next step with each request in it as the command that sends it, where there is one."""
    text = str(act)
    for pattern, command in _COMMANDS:
        text = pattern.sub(command, text)
    return text
