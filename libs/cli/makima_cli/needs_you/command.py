"""`makima needs-you`: lists what waits for a person; answers or confirms one of it by its number."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import click
from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli import exits, render
from makima_cli.asking import require_terminal
from makima_cli.contracts.confirm import confirmed
from makima_cli.needs_you.waiting import Item, everything
from makima_cli.readable import readable, say
from makima_cli.session import Session, echo_json, with_session
from makima_cli.short_ids import FULL_LENGTH, is_short
from makima_cli.watching import WATCH, print_once_or_watch


@click.command(
    "needs-you",
)
@click.option(
    "--answer",
    nargs=2,
    metavar="NUMBER TEXT",
    help="Answer the question with this number; in place of the number, its key is taken too.",
)
@click.option(
    "--confirm", metavar="NUMBER", help="Confirm the next phase of the contract with this number, or key."
)
@click.option(
    "--force", is_flag=True, help="Answer or confirm without asking whether the right one is meant."
)
@WATCH
@with_session("table", "json", "compact")
def needs_you(
    session: Session, *, answer: tuple[str, str] | None, confirm: str | None, force: bool, watch: bool
) -> None:
    """List everything that waits for a person, oldest first: open questions, phases to confirm, blocked contracts,
    and agents that could not be started again.

    The first column is a number for `--answer` and `--confirm`. As the list may have changed, they show what the
    number means now and ask; in a script, where nobody can be asked, add `--force` and give the key of the item
    (`--format json` tells it), which means the same thing for ever.
    """
    if answer is not None and confirm is not None:
        raise click.UsageError("give --answer or --confirm, not both")
    if (answer or confirm) and watch:
        raise click.UsageError("--watch lists; give it without --answer and --confirm")
    if answer is not None:
        number, text = answer
        _settle(
            session, number, "question", f"Answer it with {readable(text)!r}", _answering(text), force=force
        )
    elif confirm is not None:
        _settle(session, confirm, "confirmation", "Confirm it", _confirming, force=force)
    else:
        print_once_or_watch(session, everything, lambda items: _print(session, items), watch=watch)


Work = Callable[[Http, Item], Awaitable[Json | None]]


def _answering(text: str) -> Work:
    async def answer(http: Http, item: Item) -> Json:
        contract_id, question_id = item.key.split("/")
        route = path("contracts", contract_id, "questions", question_id, "answer")
        return (await http.send("POST", route, {"answer": text})).body

    return answer


async def _confirming(http: Http, item: Item) -> Json | None:
    return await confirmed(http, item.contract_id, version=item.version)


def _settle(session: Session, number: str, kind: str, question: str, work: Work, *, force: bool) -> None:
    """Do the work on the item with this number or key. Without `force` a person is asked first."""
    if not force:
        require_terminal("add --force, and better the key than the number")
    items = session.run(everything)
    item = _found(session, items, number)
    if item.kind != kind:
        detail = f"{number} is no {kind}: it is taken care of by `{item.do}`"
        exits.exit_with(exits.REFUSED, "ANOTHER_KIND", detail, as_json=session.as_json)
    if not force:
        say(f"{item.contract_id}: {item.text}", err=True)
        click.confirm(f"{question}?", abort=True, err=True)
    done = session.run(lambda http: work(http, item))
    if session.as_json:
        echo_json(done)
    else:
        say(f"{'answered' if kind == 'question' else 'confirmed'}: {item.text}")


def _found(session: Session, items: Sequence[Item], number: str) -> Item:
    if number.isdecimal() and 0 < int(number) <= len(items):
        return items[int(number) - 1]
    found = [item for item in items if _is_key(number, item.key)]
    if len(found) > 1 and all(item.key != number for item in found):
        some = ", ".join(item.key for item in found[:3])
        raise click.UsageError(f"{len(found)} keys begin with {number}: {some}; give more characters")
    return next((item for item in found if item.key == number), found[0] if found else None) or _nobody(
        session, items, number
    )


def _is_key(typed: str, key: str) -> bool:
    """True if it is the key, or each part of it the whole or the beginning of the key's."""
    parts, own = typed.split("/"), key.split("/")
    return len(parts) == len(own) and all(
        one == each or (is_short(one) and each.startswith(one)) for one, each in zip(parts, own, strict=True)
    )


def _nobody(session: Session, items: Sequence[Item], number: str) -> NoReturn:
    detail = (
        f"nothing that waits has the number or key {number!r}; {len(items)} things wait: `makima needs-you`"
    )
    exits.exit_with(exits.NOT_FOUND, "NOT_FOUND", detail, as_json=session.as_json)


def _print(session: Session, items: Sequence[Item]) -> None:
    if session.as_json:
        echo_json([item.shown(number) for number, item in enumerate(items, 1)])
    elif session.format == "compact":
        for number, item in enumerate(items, 1):
            say(f"{number} {item.kind} {item.key} {item.text}")
    elif not items:
        say("nothing waits for you")
    else:
        rows = [_cells(number, item) for number, item in enumerate(items, 1)]
        render.table(
            ("#", "what", "since", "contract", "text", "do"), rows, elastic="text", optional=("do", "since")
        )


def _cells(number: int, item: Item) -> tuple[str, ...]:
    choices = f"  [{' | '.join(item.options)}]" if item.options else ""
    own = item.contract_id[:8] if len(item.contract_id) == FULL_LENGTH else item.contract_id
    texts = (item.kind, render.ago(item.since), own, f"{item.text}{choices}", item.do)
    return (str(number), *map(render.plain, texts))
