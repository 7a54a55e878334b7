"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, but not as it should, or it could not be checked
    PROBLEM = "problem"  # something does not work


@dataclass(frozen=True, slots=True)
class Finding:
    check: str  # the part that was checked: `gateway`, `service contract`
    state: State
    text: str  # what was found
    hint: str | None = None  # what to do about it


def ok(check: str, text: str) -> Finding:
    return Finding(check, State.OK, text)


def warning(check: str, text: str, hint: str) -> Finding:
    return Finding(check, State.WARNING, text, hint)


def problem(check: str, text: str, hint: str) -> Finding:
    return Finding(check, State.PROBLEM, text, hint)
