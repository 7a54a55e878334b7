"""What the server's answers mean: pure functions from `GET /system`, a refusal, and a clock, to findings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, cast

from makima_cli.doctor.finding import Finding, ok, problem, warning

SERVICES: Final = ("contract", "supervisor_heartbeat", "completion_detector", "stale_detector", "gateway")
ROLE: Final = re.compile(r"^the role (\w{1,20}) may not")
CLOCK_WARNING_SECONDS: Final = 5.0
CLOCK_PROBLEM_SECONDS: Final = 60.0
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403

Json = Mapping[str, object]


def own_version() -> str:
    """The version of this command; empty where it is not installed."""
    try:
        return version("makima-server")
    except PackageNotFoundError:
        return ""


def refused(status: int, detail: str, hint: str | None) -> Iterator[Finding]:
    """What it means that `GET /system` was refused."""
    if status == UNAUTHORIZED:
        yield problem("token", detail, hint or "set MAKIMA_TOKEN to a token that is valid here")
    elif status == FORBIDDEN:
        role = ROLE.match(detail)
        yield ok("token", f"it is valid; its role is {role[1]}" if role else "it is valid")
        yield warning(
            "services",
            "only an administrator may see them",
            "run `makima doctor` with an administrator's token",
        )
    else:
        yield problem("services", detail, hint or "look at the gateway's log")


def of_system(system: Json, own: str) -> Iterator[Finding]:
    """The services, their versions and the lag, from the answer to `GET /system`."""
    services = {str(one["name"]): one for one in _list(system, "services")}
    for name in (*SERVICES, *(other for other in services if other not in SERVICES)):
        yield _service(name, services.get(name))
    versions = {
        str(replica.get("version")) for one in services.values() for replica in _list(one, "replicas")
    }
    yield _versions(versions, own)
    holds = _detector_holds(system)
    if holds:
        text = f"verdicts about the agents of {', '.join(holds)} are held back: too many fell silent at once"
        yield warning("detector", text, "look at the broker and the network between it and the daemons")


def clock(apart: float) -> Finding:
    """`apart`: seconds between the clock of this machine and the server's, whose Date has whole seconds."""
    if apart < CLOCK_WARNING_SECONDS:
        return ok("clock", f"within {CLOCK_WARNING_SECONDS:g} s of the server's")
    text, hint = f"{apart:.0f} s away from the server's", "set the clock of the machine that is wrong (NTP)"
    return (problem if apart >= CLOCK_PROBLEM_SECONDS else warning)("clock", text, hint)


def _service(name: str, service: Json | None) -> Finding:
    check = f"service {name}"
    if service is None:
        return problem(check, "no replica answers", f"start it: python -m makima_{name}, or `makima up`")
    replicas = _list(service, "replicas")
    lacking = _texts(replicas, "failing") + _texts(replicas, "shared")
    if not service.get("ready"):
        text = "; ".join(lacking) or "no replica is ready"
        return problem(check, text, "docs/operations.md says what each check means")
    noted = lacking + _texts(replicas, "warnings")
    if noted:
        return warning(check, "; ".join(noted), "docs/operations.md says what each check means")
    return ok(check, f"ready ({len(replicas)} {'replica' if len(replicas) == 1 else 'replicas'})")


def _versions(versions: set[str], own: str) -> Finding:
    known = {each for each in (*versions, own) if each}
    if len(known) > 1:
        text = f"this command is {own or 'not installed'}, the services are {', '.join(sorted(versions))}"
        return warning(
            "version", text, "install the same version everywhere; a rolling upgrade shows this, too"
        )
    return ok("version", ", ".join(known) or "unknown")


def _detector_holds(system: Json) -> list[str]:
    """Whose verdicts are held back; an older server tells names alone."""
    detector = cast("Json", system.get("detector") or {})
    return [
        str(cast("Json", each).get("owner_id") or "the daemons") if isinstance(each, dict) else str(each)
        for each in cast("Sequence[object]", detector.get("holds") or ())
    ]


def _list(found: Json, name: str) -> Sequence[Json]:
    return cast("Sequence[Json]", found.get(name) or ())


def _texts(replicas: Sequence[Json], name: str) -> list[str]:
    """`check: what it lacks` of all replicas, each once."""
    texts = (
        f"{check}: {text}"
        for replica in replicas
        for check, text in cast("Json", replica.get(name) or {}).items()
    )
    return list(dict.fromkeys(texts))
