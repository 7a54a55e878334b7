"""Gate validators as somebody's package brings them: two with a verdict, and three that misbehave."""

import os
from pathlib import Path
from threading import Event


def content(_contract: object) -> bool:
    return True


def picky(contract: object) -> object:
    """`contract` is the detector's snapshot: phases, deliverables, tasks."""
    print("looking at", contract)  # noqa: T201 - a stranger's code prints
    return False


def critical(_contract: object) -> str:
    return "two warnings"


def broken(_contract: object) -> bool:
    raise RuntimeError("out of paper")


def rude(_contract: object) -> bool:
    os._exit(3)


def asleep(_contract: object) -> bool:
    """Notes who hangs, where a test wants to know."""
    notes = os.environ.get("HOUSE_RULES_NOTES")
    if notes is not None:
        Path(notes).write_text(f"{os.getpid()}\n")
    return Event().wait()
