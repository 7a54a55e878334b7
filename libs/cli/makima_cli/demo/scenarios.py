"""The contracts of the demo user. Their descriptions state what the work needs, in words that the agents
parse.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.contract_types import contract_types

MARK: Final = "Demo: "  # begins the description of each contract of the demo user
TASKS: Final = ("look around", "do it")  # the tasks that a supervisor creates in each phase
SCENARIO_BATCH_SIZE: Final = 4  # scenarios created together: of the first four, two compete for staging

_STAGING: Final = "needs the staging environment"
_QUESTION: Final = "ask which colour"
_WITHIN: Final = re.compile(r"each task within ([\d.]+) seconds")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of contract that the demo user creates."""

    name: str
    contract_type: str
    about: str = "nothing special"  # the description; `needs` parses it
    guard: bool = False  # phase guard: a person confirms each phase


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
    """The requirements in a contract's description."""

    staging: bool  # needs the staging environment, which only one contract at a time can use
    question: bool  # the supervisor must ask the user a question
    within: float | None  # limit of each task in seconds; None: no limit


def needs(description: str) -> Needs:
    limit = _WITHIN.search(description)
    return Needs(_STAGING in description, _QUESTION in description, float(limit[1]) if limit else None)


def scenario_of(number: int) -> tuple[Scenario, str, str]:
    """The scenario, name and description of the user's contract with this number, counted from 0."""
    scenario = SCENARIOS[number % len(SCENARIOS)]
    return scenario, f"{scenario.name} #{number // len(SCENARIOS) + 1}", MARK + scenario.about


def phases(scenario: Scenario) -> list[Mapping[str, object]] | None:
    """The phases of a scenario whose tasks have a time limit; None for others, which use those of the
    contract type.

    Such tasks may fail and be tried again under the same name. The gates of the built-in phases require all
    tasks to be complete, which a failed one never is; these gates require one completed task of each name.
    """
    if needs(scenario.about).within is None:
        return None
    return [
        {
            "name": phase.name,
            "deliverables": [{"id": item.id, "name": item.name} for item in phase.deliverables],
            "gate": {"required_tasks": {"named": [task_name(work, phase.name) for work in TASKS]}},
        }
        for phase in contract_types()[scenario.contract_type]
    ]


def task_name(work: str, phase: str) -> str:
    return f"{work}: {phase}"
