"""`makima contracts show`: prints all details of one contract."""

from collections.abc import Sequence
from typing import cast

import click
from makima_sdk.http import Http
from makima_sdk.paths import path

from makima_cli import render
from makima_cli.readable import say
from makima_cli.render import Row
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option("--verbose", is_flag=True, help="Include tasks and questions.")
@with_session("table", "json", "compact")
def show(session: Session, contract_id: str, *, verbose: bool) -> None:
    """Show all details of a contract."""
    contract, extra = session.run(lambda http: _fetch(http, contract_id, verbose=verbose))
    if session.as_json:
        echo_json({**contract, **extra})
        return
    print_contract(session, contract)
    if session.format == "compact":
        for each in (item for items in extra.values() for item in items):
            say(f"{each['id']} {each['status']} {_what(each)}")
        return
    for items, title, columns, cells in (
        (extra.get("task_list"), "tasks", ("id", "task", "role", "status", "result"), _task),
        (extra.get("questions"), "questions", ("id", "question", "options", "status", "answer"), _question),
    ):
        if items:
            click.echo(f"\n{title}")
            render.table(
                columns, [cells(item) for item in items], elastic=columns[1], optional=columns[4:1:-2]
            )


def _task(task: Row) -> tuple[str, ...]:
    return _cells(task["id"], task["name"], task.get("role"), task["status"], task.get("result"))


def _question(question: Row) -> tuple[str, ...]:
    options = " | ".join(map(str, cast("Sequence[object]", question.get("options") or ())))
    return _cells(question["id"], question["question"], options, question["status"], question.get("answer"))


def _cells(*values: object) -> tuple[str, ...]:
    return tuple(render.plain(value or "-") for value in values)


def print_contract(session: Session, contract: Row) -> None:
    """Print a contract as `--format` wants it: JSON, a line, or names and values."""
    if session.as_json:
        echo_json(contract)
    elif session.format == "compact":
        say(line_of(contract))
    else:
        _print_facts(contract)


def line_of(contract: Row) -> str:
    """A contract as `--format compact` has it."""
    return f"{contract['id']} {contract['status']} {contract['phase']} {contract['name']}"


def _print_facts(contract: Row) -> None:
    """Names and values in two columns, without those that are not set, and the deliverables."""
    facts = {
        "name": render.plain(contract["name"]),
        "status": render.status(contract),
        "reason": render.plain(contract.get("blocked_reason") or contract.get("failure_reason") or ""),
        "phase": render.plain(f"{contract['phase']}  ({' → '.join(_phase_names(contract))})"),
        "done": f"{render.done(contract)}  (deliverables · tasks)",
        "guard": "on: a person confirms each phase" if contract.get("phase_guard") else "",
        "auto-complete": "" if contract.get("auto_complete_enabled", True) else "off",
        "version": str(contract["version"]),
        "active": f"{render.ago(contract.get('last_activity_at'))} ago",
    }
    console = render.console()
    console.print(f"[bold]{render.plain(contract['id'])}[/]")
    for name, value in facts.items():
        if value:
            console.print(f"  {name:<14}{value}")
    for item in cast("Sequence[Row]", contract.get("deliverables", ())):
        mark = "✓" if item["completed"] else "·"
        console.print(f"  {mark} {render.plain(item['phase'])}: {render.plain(item['name'])}")


async def _fetch(http: Http, contract_id: str, *, verbose: bool) -> tuple[Row, dict[str, Sequence[Row]]]:
    contract = (await http.send("GET", path("contracts", contract_id))).body
    extra: dict[str, Sequence[Row]] = {}
    for name in ("tasks", "questions") if verbose else ():
        page = (await http.send("GET", path("contracts", contract_id, name))).body
        extra["task_list" if name == "tasks" else name] = cast("Sequence[Row]", page["items"])
    return contract, extra


def _phase_names(contract: Row) -> list[str]:
    phases = cast("Sequence[str | Row]", contract.get("phases", ()))
    return [phase if isinstance(phase, str) else str(phase["name"]) for phase in phases]


def _what(item: Row) -> str:
    return str(item.get("name") or item.get("question"))
