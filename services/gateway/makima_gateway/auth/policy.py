"""The authorization policy: for each route, the roles that may call it and the scope that they may reach.

`principal` enforces it at each request; `docs/generated/access.md` is generated from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from makima_schemas.errors import ErrorCode

API: Final = "/api/v1"


class Role(StrEnum):
    ADMIN = "admin"  # everything, for all owners
    OWNER = "owner"  # reads and writes the contracts of one owner
    VIEWER = "viewer"  # reads the contracts of one owner
    DAEMON = "daemon"  # works on the contracts whose supervisor it runs
    AGENT = "agent"  # speaks for one role of one contract, until its connection is replaced or has left


class Scope(StrEnum):
    """Which resources a caller may reach through a route; an administrator may reach all of them."""

    CONTRACT = "the contract in the path, if it is the owner's or the agent's, or the daemon runs or restores its supervisor"
    SERVES = "as before; of daemons any that serves the contract's owner"
    DAEMON = "the daemon in the path, if the caller is that daemon, or owns a contract that it runs"
    OWN = "the owner's, or the daemon's"
    ALL = "the system"


class Speaker(StrEnum):
    """Which agents of the contract may call a route."""

    ANY = "of any role"
    OF_ROLE = "of the role in the path"
    SUPERVISOR = "of the role supervisor"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route."""

    roles: frozenset[Role]
    scope: Scope
    # A browser opens WebSockets and event streams without request headers of its own. True: the token may
    # also come in the query parameter `token` or in the subprotocol `bearer.<token>`.
    streams: bool = False
    needs_token: bool = True  # False: whoever asks has none yet
    # For the role agent.
    speaker: Speaker = Speaker.ANY
    # The answer to an agent whose connection was replaced; None: the route says it itself.
    replaced: ErrorCode | None = ErrorCode.UNAUTHORIZED


PEOPLE: Final = frozenset({Role.ADMIN, Role.OWNER, Role.VIEWER})  # whose browsers may have sessions
ADMINS: Final = frozenset({Role.ADMIN})
OWNERS: Final = ADMINS | {Role.OWNER}
WORKERS: Final = OWNERS | {Role.DAEMON}
WATCHERS: Final = OWNERS | {Role.VIEWER}
EVERYBODY: Final = frozenset(Role) - {Role.AGENT}
AGENTS: Final = frozenset({Role.AGENT})

_CONTRACT: Final = "/contracts/{contract_id}"
_TASK: Final = f"{_CONTRACT}/tasks/{{task_id}}"
_DECIDES: Final = Rule(OWNERS, Scope.CONTRACT)
_WORKS: Final = Rule(WORKERS, Scope.CONTRACT)
_READS: Final = Rule(EVERYBODY, Scope.CONTRACT)
_SHARED: Final = Rule(EVERYBODY | AGENTS, Scope.CONTRACT)
_TEAM: Final = Rule(WORKERS | AGENTS, Scope.CONTRACT)
# An agent speaks there as its connection, and is told that another one is in force.
_SPEAKS: Final = Rule(WORKERS | AGENTS, Scope.CONTRACT, replaced=ErrorCode.SUPERSEDED)
_OF_ROLE: Final = Rule(
    WORKERS | AGENTS, Scope.CONTRACT, speaker=Speaker.OF_ROLE, replaced=ErrorCode.SUPERSEDED
)
_BEATS: Final = Rule(WORKERS | AGENTS, Scope.CONTRACT, speaker=Speaker.OF_ROLE, replaced=None)
_SUPERVISOR_BEATS: Final = Rule(WORKERS | AGENTS, Scope.CONTRACT, speaker=Speaker.SUPERVISOR, replaced=None)
_SUPERVISOR_SPEAKS: Final = Rule(
    WORKERS | AGENTS, Scope.CONTRACT, speaker=Speaker.SUPERVISOR, replaced=ErrorCode.SUPERSEDED
)
_RUNS_THE_SYSTEM: Final = Rule(ADMINS, Scope.ALL)

POLICY: Final[Mapping[str, Rule]] = {
    "POST /contracts": Rule(OWNERS, Scope.OWN),
    "GET /contracts": Rule(EVERYBODY, Scope.OWN),
    "POST /contracts/batch": Rule(OWNERS, Scope.OWN),  # without `ids` administrators only
    "GET /contracts/dashboard": Rule(WATCHERS, Scope.OWN),
    "GET /needs-you": Rule(WATCHERS, Scope.OWN),
    "WS /contracts/monitor": Rule(WATCHERS, Scope.OWN, streams=True),
    "GET /contracts/monitor/events": Rule(WATCHERS, Scope.OWN, streams=True),
    **{
        f"GET {_CONTRACT}{part}": _SHARED
        for part in ("", "/phase-readiness", "/tasks", "/questions", "/messages", "/agents")
    },
    **{
        f"GET {_CONTRACT}{part}": _READS
        for part in (
            "/events",
            "/timeline",
            "/health",
            "/export",
            "/supervisor/status",
            "/supervisor/heartbeats",
            "/agents/{role}/heartbeats",
            "/agents/{role}/verdicts",
            "/agents/{role}/life",
        )
    },
    f"GET {_CONTRACT}/agents/{{role}}": Rule(EVERYBODY | AGENTS, Scope.CONTRACT, speaker=Speaker.OF_ROLE),
    # What a restored supervisor goes on from, where the answer to `restore` left out the older part of it.
    f"GET {_CONTRACT}/supervisor/state": Rule(EVERYBODY | AGENTS, Scope.CONTRACT, speaker=Speaker.SUPERVISOR),
    **{
        f"POST {part}": _WORKS
        for part in (
            f"{_CONTRACT}/phase",
            f"{_CONTRACT}/questions/{{question_id}}/answer",
            f"{_CONTRACT}/supervisor/restart",
            f"{_CONTRACT}/agents/{{role}}/token",
            f"{_CONTRACT}/supervisor/sync",
        )
    },
    **{
        f"POST {part}": _TEAM
        for part in (
            f"{_CONTRACT}/deliverables/{{deliverable_id}}/complete",
            f"{_CONTRACT}/tasks",
            f"{_CONTRACT}/questions",
            f"{_CONTRACT}/messages",
        )
    },
    **{f"POST {_TASK}/{step}": _SPEAKS for step in ("claim", "start", "release", "complete", "handoff")},
    **{
        f"POST {_CONTRACT}/agents/{{role}}/{step}": _OF_ROLE
        for step in ("join", "leave", "status", "restart")
    },
    f"POST {_CONTRACT}/agents/{{role}}/heartbeat": _BEATS,
    f"POST {_CONTRACT}/supervisor/heartbeat": _SUPERVISOR_BEATS,
    f"POST {_CONTRACT}/supervisor/state": _SUPERVISOR_SPEAKS,
    f"POST {_CONTRACT}/supervisor/restore": Rule(
        WORKERS | AGENTS, Scope.SERVES, speaker=Speaker.SUPERVISOR, replaced=ErrorCode.SUPERSEDED
    ),
    f"PUT {_CONTRACT}/phase-guard": _DECIDES,
    f"PUT {_CONTRACT}/auto-complete": _DECIDES,
    f"POST {_CONTRACT}/check-completion": _DECIDES,
    f"DELETE {_CONTRACT}": _DECIDES,
    f"POST {_CONTRACT}/status": _DECIDES,
    **{
        f"POST {_CONTRACT}/{action}": _DECIDES
        for action in (
            "start",
            "pause",
            "resume",
            "block",
            "unblock",
            "fail",
            "reopen",
            "complete",
            "archive",
        )
    },
    "GET /agents": Rule(EVERYBODY, Scope.OWN),
    "GET /daemons/{daemon_id}/verdicts": Rule(EVERYBODY, Scope.DAEMON),
    "GET /daemons": Rule(EVERYBODY, Scope.OWN),
    "GET /daemons/{daemon_id}": Rule(EVERYBODY, Scope.DAEMON),
    "POST /daemons/{daemon_id}/heartbeat": Rule(frozenset({Role.ADMIN, Role.DAEMON}), Scope.DAEMON),
    "GET /system": _RUNS_THE_SYSTEM,
    "GET /system/series": Rule(EVERYBODY, Scope.ALL),
    "GET /system/thresholds": Rule(EVERYBODY, Scope.ALL),
    "GET /dead-letters": _RUNS_THE_SYSTEM,
    "GET /dead-letters/{letter_id}": _RUNS_THE_SYSTEM,
    "POST /dead-letters/{letter_id}/retry": _RUNS_THE_SYSTEM,
    "DELETE /dead-letters/{letter_id}": _RUNS_THE_SYSTEM,
    "POST /maintenance": _RUNS_THE_SYSTEM,
    "DELETE /maintenance/{window_id}": _RUNS_THE_SYSTEM,
    "GET /maintenance": _RUNS_THE_SYSTEM,
    "PUT /maintenance": _RUNS_THE_SYSTEM,
    "DELETE /maintenance": _RUNS_THE_SYSTEM,
    "GET /me": Rule(frozenset(Role), Scope.OWN),
    "GET /session": Rule(frozenset(Role), Scope.OWN, needs_token=False),
    "POST /session": Rule(frozenset(Role), Scope.OWN, needs_token=False),
    "DELETE /session": Rule(EVERYBODY, Scope.OWN),
    "POST /session/codes": Rule(PEOPLE, Scope.OWN),
    "GET /tokens": _RUNS_THE_SYSTEM,
    "POST /tokens": _RUNS_THE_SYSTEM,
    "DELETE /tokens/{token_id}": _RUNS_THE_SYSTEM,
}

# The paths of the routes with `streams`
STREAMS: Final = frozenset(
    f"{API}{operation.partition(' ')[2]}" for operation, rule in POLICY.items() if rule.streams
)

# The operations that are called without one, as `<method> <path>`
WITHOUT_TOKEN: Final = frozenset(
    f"{operation.partition(' ')[0]} {API}{operation.partition(' ')[2]}"
    for operation, rule in POLICY.items()
    if not rule.needs_token
)

# Paths that need no token: the probes and metrics, which contain no contract's data, and the documentation.
OPEN: Final = frozenset({"/livez", "/readyz", "/healthz", "/metrics", "/docs", f"{API}/openapi.json"})
