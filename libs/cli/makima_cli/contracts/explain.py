"""`makima contracts explain`: why a contract does not advance, as a tree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import click
from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli.next_steps import A_PERSON, as_command, who
from makima_cli.phases import phase_after
from makima_cli.readable import say
from makima_cli.render import ago
from makima_cli.session import Session, echo_json, with_session
from makima_cli.wrapping import say_under

# The kinds that the tree has lines for.
CONDITIONS: Final = frozenset({"deliverable", "tasks", "task", "validator"})
MARKS: Final[Mapping[str, str]] = {"met": "✓", "missing": "·", "unknown": "?"}
ENDED: Final = frozenset({"completed", "archived"})


@click.command()
@click.argument("contract_id", metavar="ID")
@with_session("table", "json", "compact")
def explain(session: Session, contract_id: str) -> None:
    """Say why a contract does not advance: what the gate of its phase still requires, and what else holds it up.

    Each line is a `fact`, which the event log holds, or an `inference`: concluded from silence, which may be wrong;
    and says who must act, and how. Nothing is changed.
    """
    explained = session.run(lambda http: _explained(http, contract_id))
    if session.as_json:
        echo_json(explained)
    elif session.format == "compact":
        for line in _leaves(explained):
            say(f"{explained['id']} {line['kind']} {line['code']} {line['text']}")
    else:
        _print(explained)


async def _explained(http: Http, contract_id: str) -> Json:
    contract = (await http.send("GET", path("contracts", contract_id))).body
    readiness = (await http.send("GET", path("contracts", contract_id, "phase-readiness"))).body
    health = (await http.send("GET", path("contracts", contract_id, "health"))).body
    return explanation(contract, readiness, health)


def explanation(contract: Json, readiness: Json, health: Json) -> Json:
    """The gate of the current phase, and what else holds the contract up, from its three answers of the API."""
    reasons = [_line(reason) for reason in cast("Sequence[Json]", health["reasons"])]
    gate = [line for line in reasons if line["code"] == "GATE_OPEN"]
    texts = {str(line["text"]) for line in gate}
    # Of a contract that is not at work, health says nothing about the gate.
    gate += [
        {
            "kind": "fact",
            "code": "GATE_OPEN",
            "text": f"phase {readiness['phase']} needs {missing}",
            "since": None,
            "who": who("GATE_OPEN"),
            "act": "it can do so when the contract is active",
        }
        for missing in cast("Sequence[str]", readiness["missing"])
        if f"phase {readiness['phase']} needs {missing}" not in texts
    ]
    return {
        "id": contract["id"],
        "name": contract["name"],
        "status": contract["status"],
        "phase": readiness["phase"],
        "next_phase": next_phase(contract),
        "verdict": health["verdict"],
        "ready": readiness["ready"],
        "automatic": readiness["auto_advance_enabled"],
        "phase_guard": contract["phase_guard"],
        "conditions": readiness["conditions"],
        "gate": gate,
        "reasons": [line for line in reasons if line["code"] != "GATE_OPEN"],
    }


def next_phase(contract: Json) -> str | None:
    """The name of the phase after the current one; None: it is the last."""
    names = [
        phase if isinstance(phase, str) else str(cast("Mapping[str, object]", phase)["name"])
        for phase in cast("Sequence[object]", contract["phases"])
    ]
    return phase_after(names, str(contract["phase"]))


def _line(reason: Json) -> dict[str, object]:
    return {**reason, "who": who(reason["code"]), "act": as_command(reason["act"])}


def _leaves(explained: Json) -> Iterator[Json]:
    yield from cast("Sequence[Json]", explained["gate"])
    yield from cast("Sequence[Json]", explained["reasons"])


def _print(explained: Json) -> None:
    to = explained["next_phase"]
    say_under(f"{explained['id']}  ", explained["name"])
    if explained["status"] in ENDED:
        say_under("└─ [fact] ", f"it is {explained['status']}: there is nothing left to advance to")
        return
    reasons = cast("Sequence[Json]", explained["reasons"])
    status = f"status {explained['status']}, phase {explained['phase']}, next {to or 'its completion'}"
    say_under("├─ [fact] ", status)
    gate = cast("Sequence[Json]", explained["gate"])
    last_of_gate = "├─" if reasons else "└─"
    say_under("├─ [fact] ", _moved_by(explained))
    met = "satisfied" if explained["ready"] else "not satisfied"
    say_under(f"{last_of_gate} [fact] ", f"the gate of phase {explained['phase']} is {met}")
    margin = "│  " if reasons else "   "
    conditions = [_condition(each) for each in cast("Sequence[Json]", explained["conditions"])]
    stated = [each for each in conditions if each]
    for number, each in enumerate(stated, 1):
        say_under(f"{margin}{'├─' if gate or number < len(stated) else '└─'} [fact] ", each)
    _branch(gate, margin)
    _branch(reasons, "")


def _condition(condition: Json) -> str | None:
    """What the gate asks for, met or not, and whose turn it is; None for a switch and the guard, said by
    `_moved_by`.
    """
    if condition["kind"] not in CONDITIONS:
        return None
    text = f"{MARKS[str(condition['state'])]} {condition['kind']} {condition['name']}: {condition['state']}"
    return text if condition["state"] == "met" else f"{text}{_whose_turn(condition)}"


def _whose_turn(condition: Json) -> str:
    whose = cast("Json | None", condition["who"])
    if whose is None:
        return ""
    if whose["kind"] != "agent":
        return f", waits for {'a person' if whose['kind'] == 'person' else 'makima'}"
    agent = f"agent {whose['role']}" if whose["role"] else "an agent"
    return f", waits for {agent} ({whose['agent_status'] or 'not there'})"


def _moved_by(explained: Json) -> str:
    if explained["phase_guard"]:
        return f"the phase guard is on: {A_PERSON} confirms each phase"
    if explained["automatic"]:
        return "it advances by itself once the gate is satisfied"
    return f"automatic advance is off: {A_PERSON} advances it"


def _branch(lines: Sequence[Json], margin: str) -> None:
    for number, line in enumerate(lines, 1):
        end = number == len(lines)
        since = f"  ({ago(line['since'])})" if line.get("since") else ""
        head = f"{margin}{'└─' if end else '├─'} [{line['kind']}] "
        say_under(head, f"{line['code']}: {line['text']}{since}")
        under = f"{margin}{'   ' if end else '│  '}"
        say_under(f"{under}   who: ", line["who"])
        say(f"{under}   do:  {line['act']}")  # in one piece, so that it can be copied
