"""What a demo user has in mind for each contract; the story stands in the contract's description, so that anybody can read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import Contract

MARK: Final = "Demo: "
START, CONFIRM, ANSWER, PAUSE, RESUME, BLOCK, UNBLOCK, FAIL, REOPEN, ARCHIVE = 4.0, 4.0, 4.0, 3.0, 5.0, 3.0, 5.0, 6.0, 5.0, 15.0  # fmt: skip

Action = Literal["start", "confirm", "answer", "pause", "resume", "block", "unblock", "fail", "reopen", "archive"]


@dataclass(frozen=True, slots=True)
class Story:
    """`guard`: a person confirms each phase. `asks`: the agents ask a question on the way."""

    name: str
    contract_type: str
    about: str
    guard: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    action: Action
    reason: str | None = None


STORIES: Final[Sequence[Story]] = (
    Story("Fix the login page", "simple", "straight through"),
    Story("Design the new importer", "specification", "a person confirms each phase", guard=True),
    Story("Rename the config flags", "execute", "set aside over lunch"),
    Story("Choose a colour scheme", "simple", "asks a question", asks=True),
    Story("Upgrade the database driver", "execute", "blocked for a while"),
    Story("Rewrite everything in a weekend", "simple", "given up"),
    Story("Write the release notes", "specification", "straight through"),
    Story("Speed up the test suite", "execute", "given up, then taken up again"),
)


def told(number: int) -> tuple[Story, str, str]:
    """The story of the `number`-th contract, and the name and description that tell it."""
    story = STORIES[number % len(STORIES)]
    return story, f"{story.name} #{number // len(STORIES) + 1}", MARK + story.about


def next_move(contract: Contract, now: datetime, made: frozenset[Action]) -> Move | None:
    """What the user does about `contract` now, if anything; `made` is what was done about it before. Ages are in seconds."""
    about = contract.description.removeprefix(MARK)
    age = (now - contract.status_changed_at).total_seconds()
    match contract.status:
        case ContractStatus.CREATED if age > START:
            return Move("start")
        case ContractStatus.WAITING_FOR_INPUT if contract.waiting_for == "phase_confirmation" and age > CONFIRM:
            return Move("confirm")
        case ContractStatus.WAITING_FOR_INPUT if contract.waiting_for == "question" and age > ANSWER:
            return Move("answer")
        case ContractStatus.ACTIVE:
            return _while_active(about, age, made)
        case ContractStatus.PAUSED if age > RESUME:
            return Move("resume")
        case ContractStatus.BLOCKED if age > UNBLOCK:
            return Move("unblock")
        case ContractStatus.FAILED if about == "given up, then taken up again" and "reopen" not in made and age > REOPEN:
            return Move("reopen", "it was easier than we thought")
        case ContractStatus.COMPLETED | ContractStatus.FAILED if age > ARCHIVE:
            return Move("archive")
        case _:
            return None


def _while_active(about: str, age: float, made: frozenset[Action]) -> Move | None:
    if about == "set aside over lunch" and "pause" not in made and age > PAUSE:
        return Move("pause", "lunch")
    if about == "blocked for a while" and "block" not in made and age > BLOCK:
        return Move("block", "no access to the package registry")
    if about.startswith("given up") and "fail" not in made and age > FAIL:
        return Move("fail", "not needed any more")
    return None
