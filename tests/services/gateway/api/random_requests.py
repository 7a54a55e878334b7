"""Requests of any form, with a liking for what looks right: any route, body, header and query."""

from random import Random
from typing import Final

import httpx
import orjson

ROUTES: Final = (
    ("POST", "/contracts"),
    ("GET", "/contracts"),
    *(("POST", f"/contracts/{{contract}}/{act}") for act in ("start", "pause", "resume", "block", "unblock", "fail", "reopen")),
    *(("POST", f"/contracts/{{contract}}/{what}") for what in ("status", "phase", "tasks", "questions", "messages")),
    *(("PUT", f"/contracts/{{contract}}/{what}") for what in ("phase-guard", "auto-complete")),
    ("POST", "/contracts/{contract}/deliverables/{id}/complete"),
    *(("POST", f"/contracts/{{contract}}/tasks/{{task}}/{what}") for what in ("claim", "start", "complete", "release", "handoff")),
    ("POST", "/contracts/{contract}/questions/{id}/answer"),
    *(("GET", f"/contracts/{{contract}}/{what}") for what in ("tasks", "questions", "messages", "events", "phase-readiness", "supervisor/status")),
    ("GET", "/contracts/{contract}"),
    ("POST", "/daemons/{id}/heartbeat"),
    ("GET", "/daemons"),
)  # fmt: skip
MEMBERS: Final = [
    "name",
    "description",
    "contract_type",
    "phases",
    "phase_guard",
    "auto_complete_enabled",
    "stale_after_seconds",
    "reason",
    "expected_version",
    "status",
    "phase",
    "confirmed",
    "force",
    "dry_run",
    "enabled",
    "evidence",
    "role",
    "plan",
    "connection_id",
    "success",
    "result",
    "to_role",
    "question",
    "question_type",
    "options",
    "answer",
    "content",
    "hostname",
    "agents",
    "worktrees",
    "capacity",
    "limit",
    "cursor",
    "after",
    "at",
    "q",
    "threshold",
    "stale",
    "waiting",
]
TEXTS: Final = (
    "",
    "plan",
    "execute",
    "active",
    "x" * 300,
    "\0",
    "\ud800",
    "ä😀",
    "%00",
    "../..",
    "null",
    "text",
    "choice",
    "builder",
    "a b",
    "1",
    "0s",
)
HEADERS: Final = (
    "If-Match",
    "Idempotency-Key",
    "Makima-Min-Position",
    "traceparent",
    "Content-Type",
    "Accept",
    "Transfer-Encoding-X",
)


def value(random: Random, depth: int = 0) -> object:
    """Any JSON, with a liking for what looks right."""
    kind = random.randrange(10 if depth < 3 else 6)
    match kind:
        case 0:
            return None
        case 1:
            return random.choice((True, False))
        case 2:
            return random.choice((0, 1, -1, 2, 10**9, 2**53, -(2**63), 1.5, 1e300))
        case 3 | 4 | 5 | 6:
            return random.choice([text for text in TEXTS if text != "\ud800"])
        case 7 | 8:
            return [value(random, depth + 1) for _ in range(random.randrange(3))]
        case _:
            return {random.choice(MEMBERS): value(random, depth + 1) for _ in range(random.randrange(4))}


def content(random: Random) -> bytes:
    """Mostly JSON objects of known members; now and then anything."""
    match random.randrange(10):
        case 0:
            return random.randbytes(random.randrange(200))
        case 1:
            return orjson.dumps(value(random))
        case 2:
            whole = orjson.dumps({random.choice(MEMBERS): value(random)})
            return whole[: random.randrange(len(whole) + 1)]
        case _:
            return orjson.dumps({random.choice(MEMBERS): value(random) for _ in range(random.randrange(5))})


async def send(http: httpx.AsyncClient, random: Random, contract: str, task: str) -> httpx.Response:
    method, template = random.choice(ROUTES)
    ids = (contract, contract, contract, "nobody", "%00", "x" * 65, "a.b", "%C3%A4")
    path = template.format(
        contract=random.choice(ids),
        task=random.choice((task, "nobody", "%0a")),
        id=random.choice(("plan-document", "x", "..%2f")),
    )
    headers: dict[bytes, bytes] = {b"Content-Type": b"application/json"} if random.random() < 0.9 else {}
    for name in random.sample(HEADERS, random.choice((0, 0, 1, 2))):
        headers[name.encode()] = random.choice(
            (b"", b"1", b'"1"', b"*", b"x" * 300, b"\xe4\xf6", b"-1", b"application/json")
        )
    query = {
        random.choice(MEMBERS): random.choice([text for text in TEXTS if text != "\ud800"])
        for _ in range(random.choice((0, 0, 1, 2)))
    }
    return await http.request(
        method, path, params=query, headers=headers, content=content(random) if method != "GET" else None
    )
