"""The contracts of the demo: what each of them shows, and who has to do what in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MARK: Final = "Demo: "  # begins the description of each contract of the demo's person

_NUMBERED: Final = re.compile(r"(.+) #(\d+)")


@dataclass(frozen=True, slots=True)
class Step:
    """A task that the supervisor creates in a phase. `role` is the program of `agents` that does it."""

    name: str
    role: str = "builder"


# For every phase that a scenario says nothing about, and for the contracts of people who try the demo.
STEPS: Final = (Step("look around"), Step("do it"))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of contract. `steps` by phase."""

    name: str
    about: str  # the description: what there is to see
    contract_type: str = "execute"
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict[str, Sequence[Step]])
    guard: bool = False  # phase guard: a person confirms each phase
    question: str | None = None  # what the supervisor asks in the first phase, with its options
    options: tuple[str, ...] = ()
    hangs: bool = False  # its supervisor hangs for a while, once
    hurried: bool = False  # its person wants to advance before the gate is met
    shelved: bool = False  # its person pauses it for a while


SCENARIOS: Final[Sequence[Scenario]] = (
    Scenario(
        "Publish the packages",
        "its publisher finds no credentials; three restarts do not help, so that only a person can",
        steps={"execute": (Step("upload the wheels", "publisher"),)},
    ),
    Scenario(
        "Write the release notes",
        "its supervisor hangs: silent, interrupted, restarted from what it had saved",
        "specification",
        {
            phase: (Step(f"do the {phase} part"),)
            for phase in ("research", "specify", "plan", "execute", "review")
        },
        hangs=True,
    ),
    Scenario(
        "Index the documentation",
        "its indexer blocks its own event loop: no heartbeats, DEAD by verdict; restarted, it goes on",
        "simple",
        {"plan": (Step("read all pages", "indexer"),), "execute": (Step("write the index", "indexer"),)},
        hurried=True,
    ),
    Scenario(
        "Measure the cold start",
        "its tester waits for a machine that is in use: alive, without progress, so it is stuck",
        steps={"execute": (Step("measure on the test machine", "tester"),)},
    ),
    Scenario(
        "Choose a colour scheme",
        "its supervisor asks, and nothing goes on before somebody answers",
        "simple",
        question="Which colour shall the buttons have?",
        options=("blue", "green", "as they are"),
    ),
    Scenario(
        "Fix the login page",
        "goes through both of its phases by itself",
        "simple",
        {"plan": (Step("find the fault"),), "execute": (Step("mend it"), Step("test it"))},
    ),
    Scenario(
        "Move the build to the new runner",
        "its compiler is killed in the middle; its daemon restarts it, and it does the task again",
        steps={"execute": (Step("compile everything", "compiler"),)},
    ),
    Scenario(
        "Design the new importer",
        "a person confirms each of its phases",
        "specification",
        guard=True,
    ),
    Scenario(
        "Bump the dependencies",
        "one phase, one task",
        steps={"execute": (Step("update the lock file"),)},
    ),
    Scenario(
        "Rewrite everything in a weekend",
        "its task fails three times; then its person gives it up",
        steps={"execute": (Step("rewrite it all", "optimist"),)},
    ),
    Scenario(
        "Tidy the changelog",
        "is paused for a while",
        steps={"execute": (Step("sort the entries"), Step("mend the links"), Step("proof-read it"))},
        shelved=True,
    ),
)
ROLES: Final = tuple(
    sorted({step.role for each in SCENARIOS for steps in each.steps.values() for step in steps} | {"builder"})
)
_BY_NAME: Final = {each.name: each for each in SCENARIOS}
_PLAIN: Final = Scenario("a contract of somebody else", "")


def scenario_of(name: str) -> Scenario:
    """By the name of a contract; a plain one for those that the demo did not create."""
    numbered = _NUMBERED.fullmatch(name)
    return _BY_NAME.get(numbered[1], _PLAIN) if numbered else _PLAIN


def numbered(number: int) -> tuple[Scenario, str]:
    """The scenario and the name of the person's contract with this number, counted from 0."""
    scenario = SCENARIOS[number % len(SCENARIOS)]
    return scenario, f"{scenario.name} #{number // len(SCENARIOS) + 1}"


def number_after(names: Sequence[str]) -> int:
    """With which number a person goes on who finds contracts of these names: the next round begins."""
    rounds = [int(found[2]) for found in map(_NUMBERED.fullmatch, names) if found and found[1] in _BY_NAME]
    return max(rounds, default=0) * len(SCENARIOS)
