"""What the demo user wants done: work orders, whose description says what the work needs, so that anybody can read it, the agents too."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.contract_types import contract_types

MARK: Final = "Demo: "
TASKS: Final = ("look around", "do it")  # what a supervisor has done in each phase
SCENARIO_BATCH_SIZE: Final = 4  # stories that come to mind together: among the first four, two need the same environment

_STAGING: Final = "needs the staging environment"
_QUESTION: Final = "ask which colour"
_WITHIN: Final = re.compile(r"each task within ([\d.]+) seconds")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`guard`: a person confirms each phase."""

    name: str
    contract_type: str
    about: str = "nothing special"
    guard: bool = False


SCENARIOS: Final[Sequence[Scenario]] = (
    Scenario("Rename the config flags", "execute", _STAGING),
    Scenario("Upgrade the database driver", "execute", _STAGING),
    Scenario("Rewrite everything in a weekend", "simple", "each task within 0.3 seconds"),
    Scenario("Choose a colour scheme", "simple", _QUESTION),
    Scenario("Design the new importer", "specification", "a person confirms each phase", guard=True),
    Scenario("Fix the login page", "simple"),
    Scenario("Speed up the test suite", "execute", "each task within 1.5 seconds"),
    Scenario("Write the release notes", "specification"),
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a description asks of whoever does the work. `within`: seconds that each task may take; None: as long as it takes."""

    staging: bool
    question: bool
    within: float | None


def needs(description: str) -> Needs:
    limit = _WITHIN.search(description)
    return Needs(_STAGING in description, _QUESTION in description, float(limit[1]) if limit else None)


def told(number: int) -> tuple[Scenario, str, str]:
    """The story of the `number`-th contract, and the name and description that tell it."""
    story = SCENARIOS[number % len(SCENARIOS)]
    return story, f"{story.name} #{number // len(SCENARIOS) + 1}", MARK + story.about


def phases(story: Scenario) -> list[Mapping[str, object]] | None:
    """Work against the clock may fail and be tried again, so its gates name what must be done in the end; None: the type's own phases.

    (In the built-in phases all tasks must be complete, and a failed one never is.)
    """
    if needs(story.about).within is None:
        return None
    return [
        {
            "name": phase.name,
            "deliverables": [{"id": item.id, "name": item.name} for item in phase.deliverables],
            "gate": {"required_tasks": {"named": [task_name(work, phase.name) for work in TASKS]}},
        }
        for phase in contract_types()[story.contract_type]
    ]


def task_name(work: str, phase: str) -> str:
    return f"{work}: {phase}"
