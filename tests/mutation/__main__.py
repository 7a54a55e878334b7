"""`python -m tests.mutation [NAME…]`: changes the rules one by one; a table, the changes that no test
noticed, and 1 below 90 %.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

from tests.mutation.harness import ROOT, fate, preload
from tests.mutation.mutants import Mutant, mutants, mutated

WANTED: Final = 0.9
SLACK: Final = 10  # times what the tests take unchanged: then a change has made them hang
CONTRACT: Final = tuple(
    f"tests/services/contract/test_{name}.py"
    for name in (
        "statuses",
        "task_statuses",
        "waiting",
        "work",
        "creation",
        "phases",
        "supervisor_task",
        "any_sequence",
    )
)
FENCED: Final = tuple(
    f"tests/services/contract/test_{name}.py" for name in ("task_fence", "tasks_return", "agents_and_tasks")
)
DETECTED: Final = tuple(
    f"tests/services/completion_detector/test_{name}.py"
    for name in ("what_is_asked_of_a_contract", "completion_rules", "both_know_a_contract_alike")
)
# What a rule's own tests are called, where it is not as the rule itself.
NAMED: Final = {
    "maintenance": "maintenance_rules",
    "triggers": "agent_rules",
    "agent": "agent_rules",
    "audit": "audit_rules",
    "moves": "progress",
    "placement": "placement_rules",
    "restoring": "restoration_rules",
    "saving": "saved_state_rules",
    "sender_group": "shards",
}
# Rules that are named as a module of events is, which most tests import: the tests that hold them, all of them pure.
ONLY: Final = {"supervisor": ("supervisor_rules", "restoration_rules", "saved_state_rules")}
# Pure rules of the libraries, each with its tests.
OF_LIBRARIES: Final = {
    "schemas/makima_schemas/connections.py": ("schemas/test_connections.py",),
    "schemas/makima_schemas/supervisors_agent.py": ("schemas/test_supervisors_agent.py",),
    "schemas/makima_schemas/saved_state.py": (
        "schemas/test_saved_state.py",
        "services/supervisor_heartbeat/test_restoration_rules.py",
        "services/supervisor_heartbeat/test_saved_state_rules.py",
    ),
    "daemon/makima_daemon/restart_policy.py": ("daemon/test_restart_policy.py",),
    "daemon/makima_daemon/endings.py": ("daemon/test_endings.py",),
    "daemon/makima_daemon/hooks.py": ("daemon/test_hook_effects.py",),
    "sdk/makima_sdk/spool_format.py": ("sdk/test_spool_file.py",),
    "sdk/makima_sdk/lease.py": ("sdk/test_lease.py",),
}


@dataclass
class Subject:
    """A file of rules and the tests that are to hold it."""

    path: str
    tests: Sequence[str]
    survivors: list[Mutant] = field(default_factory=list[Mutant])
    tried: int = 0

    @property
    def module(self) -> str:
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[2:])

    @property
    def name(self) -> str:
        return self.path.removeprefix("libs/").removeprefix("services/")


def subjects() -> Iterator[Subject]:
    yield Subject("libs/schemas/makima_schemas/gate.py", ("tests/schemas/test_gate.py", *CONTRACT))
    yield Subject(
        "libs/kernel/makima_kernel/commands/lifecycle.py",
        ("tests/kernel/commands/test_lifecycle.py", "tests/generated/test_generated.py", *CONTRACT),
    )
    for path, tests in OF_LIBRARIES.items():
        yield Subject(f"libs/{path}", tuple(f"tests/{test}" for test in tests))
    for path in rules("contract"):
        agents = Path(path).stem in {"agents", "returns"}
        yield Subject(path, FENCED if agents else (*CONTRACT, *FENCED))
    yield from (Subject(path, DETECTED) for path in rules("completion_detector"))
    for service in ("supervisor_heartbeat", "stale_detector"):
        yield from (Subject(path, speaking_of(service, path)) for path in rules(service))


def rules(service: str) -> list[str]:
    folder = ROOT / "services" / service / f"makima_{service}" / "domain"
    return sorted(str(path.relative_to(ROOT)) for path in folder.rglob("*.py") if path.name != "__init__.py")


def speaking_of(service: str, path: str) -> list[str]:
    """The test files of the service that are named after the rule, first, and those that import it, by
    themselves or through what they share, or simulate or try the whole; else all of them. Of a rule of `ONLY`, those.
    """
    rule = Path(path).stem
    if rule in ONLY:
        return [f"tests/services/{service}/test_{name}.py" for name in ONLY[rule]]
    files = sorted((ROOT / "tests" / "services" / service).glob("test_*.py"))
    whole = ("flowing_detector import", "simulation import") if Path(path).parent.name != "domain" else ()
    signs = (f".{rule} import", f" import {rule}", *whole)
    named = NAMED.get(rule, rule.rstrip("s"))
    near = [
        file for file in files if named in file.name or any(sign in _with_helpers(file) for sign in signs)
    ]
    return sorted((str(file.relative_to(ROOT)) for file in near or files), key=lambda name: named not in name)


def _with_helpers(file: Path) -> str:
    """The test's text and that of its helpers; not of the harness, which starts servers: its tests are not
    pure.
    """
    text = file.read_text()
    package = ".".join(file.parent.relative_to(ROOT).parts)
    return text + "".join(
        (file.parent / f"{name}.py").read_text()
        for name in re.findall(rf"^from {package}\.((?!harness\b)\w+) import", text, re.MULTILINE)
    )


def attempt(subject: Subject) -> None:
    source = (ROOT / subject.path).read_text()
    begun = monotonic()
    if fate(subject.module, ast.parse(source), subject.tests, 600) != "survived":
        sys.exit(f"{subject.name}: its tests fail unchanged")
    limit = SLACK * (monotonic() - begun) + 5
    for mutant in mutants(source):
        subject.tried += 1
        if survives(subject, mutated(source, mutant.number), limit):
            subject.survivors.append(mutant)
            say(f"    survived  {subject.name}:{mutant.line}  {mutant.what}")
    say(
        f"| {subject.name} | {subject.tried} | {subject.tried - len(subject.survivors)} | {rate([subject]):.0%} |"
    )


def survives(subject: Subject, tree: ast.Module, limit: float) -> bool:
    """The tests nearest to the rule are asked first: most changes end there."""
    steps = [step for step in (subject.tests[:1], subject.tests[1:]) if step]
    return all(fate(subject.module, tree, tests, limit) == "survived" for tests in steps)


def rate(tried: Sequence[Subject]) -> float:
    total = sum(subject.tried for subject in tried)
    return 1 - sum(len(subject.survivors) for subject in tried) / total if total else 1.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(names: Sequence[str]) -> int:
    chosen = [subject for subject in subjects() if not names or any(name in subject.path for name in names)]
    preload()
    say("| rules | changes | noticed | |\n|---|---|---|---|")
    for subject in chosen:
        attempt(subject)
    say(f"| together | {sum(subject.tried for subject in chosen)} | | {rate(chosen):.1%} |")
    return 0 if rate(chosen) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
