"""`makima contracts cleanup`: removes worktrees, archives and deletes what ended long ago."""

from collections.abc import Mapping
from typing import Final

import click
from makima_sdk.http import Http

from makima_cli.asking import require_terminal
from makima_cli.contracts.cleaning import Plan, Step, carry_out, named, planned
from makima_cli.durations import seconds_of
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session

MAX_CONTRACTS_IN_QUESTION: Final = 20  # contracts of a step that the question names


class Hours(click.ParamType[float]):
    """A duration, as hours."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = seconds_of(str(value))
        if seconds is None:
            self.fail(f"{str(value)!r} is no duration: a number and s, m, h or d, e.g. 7d", param, ctx)
        return seconds / 3600


@click.command()
@click.option("--archive", is_flag=True, help="Archive contracts that are completed or failed.")
@click.option("--delete-archived", is_flag=True, help="Delete contracts that are archived, for good.")
@click.option("--worktrees", is_flag=True, help="Remove the worktrees of contracts that have ended.")
@click.option("--all", "everything", is_flag=True, help="All three.")
@click.option(
    "--older-than",
    "hours",
    type=Hours(),
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="Only contracts that have had their status for so long.",
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Only show what would be done.")
@click.option("--force", is_flag=True, help="Do not ask before it is done. Skips the question only.")
@with_session("table", "json", "compact")
def cleanup(
    session: Session,
    *,
    archive: bool,
    delete_archived: bool,
    worktrees: bool,
    everything: bool,
    hours: float,
    dry_run: bool,
    force: bool,
) -> None:
    """Remove the worktrees of contracts that ended long ago, archive them, and delete those that are archived.

    It always works in this order: worktrees, archive, delete. Without `--no-dry-run` it only shows what it would do,
    without a look at any machine; with it, it asks first. Before contracts are deleted, their worktrees are removed,
    also without `--worktrees`: one that is kept on its machine (something uncommitted in it, somebody else made it, its
    daemon is away) keeps its contract, and it is said why. What a run archives, it does not delete. Requires an
    administrator's token.
    """
    steps = tuple(
        step
        for step, chosen in zip(Step, (worktrees, archive, delete_archived), strict=True)
        if chosen or everything
    )
    if not steps:
        raise click.UsageError("say what to clean up: --worktrees, --archive, --delete-archived, or --all")
    asks = not (dry_run or force)
    if asks:
        require_terminal("add --force, or leave out --no-dry-run")
    plan = session.run(lambda http: planned(http, steps, hours))
    if dry_run:
        _show(session, plan, dry_run=True)
        return
    if asks and plan.size:
        _ask(plan, session.run(lambda http: named(http, plan, MAX_CONTRACTS_IN_QUESTION)))

    async def work(http: Http) -> Plan:
        return await carry_out(http, plan)

    _show(session, session.run(work), dry_run=False)


def _show(session: Session, plan: Plan, *, dry_run: bool) -> None:
    if session.as_json:
        echo_json({"dry_run": dry_run, **plan.shown()})
        return
    for step in plan.steps:
        for contract_id in step.ids:
            say(f"{step.step.would_be if dry_run else step.step.done} {contract_id}")
        for skipped in step.skipped:
            say(f"skipped {skipped.id}: {skipped.detail or skipped.code} [{skipped.code}]")
    if session.format == "compact":
        return
    for step in plan.steps:
        if dry_run:
            say(f"would be {step.step.done}: {_contracts(len(step.ids))}")
        else:
            say(f"{step.step.done}: {_contracts(len(step.ids))}, {len(step.skipped)} skipped")
    if dry_run and plan.size:
        say("nothing was changed: add --no-dry-run to do it")


def _ask(plan: Plan, names: Mapping[str, str]) -> None:
    """Say on stderr what is to become of which contracts, and ask. Ends the process where the answer is no."""
    for step in plan.steps:
        if not step.ids:
            continue
        say(f"will be {step.step.done}: {_contracts(len(step.ids))}", err=True)
        for contract_id in step.ids[:MAX_CONTRACTS_IN_QUESTION]:
            say(f"  {contract_id}  {names.get(contract_id, '')}".rstrip(), err=True)
        if len(step.ids) > MAX_CONTRACTS_IN_QUESTION:
            say(
                f"  and {len(step.ids) - MAX_CONTRACTS_IN_QUESTION} more: without --no-dry-run all are listed",
                err=True,
            )
    if any(step.step is Step.DELETE and step.ids for step in plan.steps):
        say("What is deleted cannot be brought back.", err=True)
    click.confirm("Go on?", abort=True, err=True)


def _contracts(number: int) -> str:
    return "1 contract" if number == 1 else f"{number} contracts"
