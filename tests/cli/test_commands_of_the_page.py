"""What "Copy as command" of the web page gives is something that the command accepts, with the filters of the address."""

import json
import shlex
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit

import click
import pytest
from makima_cli.main import main

EXAMPLES: Final = (
    Path(__file__).parents[2] / "services/gateway/web/src/lib/url.commands.json"
)  # the page's tests read it too
BOOLEANS: Final = {"true": True, "false": False}
NAMES: Final = {"q": "search"}  # the address' member → the option


def _accepted(command: str) -> dict[str, object]:
    """The parameters that the command gets; raises `click.UsageError` if there is none, or it does not take them."""
    program, *words = shlex.split(command)
    assert program == "makima"
    context = click.Context(main)
    found: click.Command = main
    while isinstance(found, click.Group):
        name, found_or_none, words = found.resolve_command(context, words)
        assert found_or_none is not None, name
        found = found_or_none
    return found.make_context("list", words).params


@pytest.mark.parametrize(("address", "command"), cast("list[list[str]]", json.loads(EXAMPLES.read_text())))
def test_a_copied_command_is_accepted_and_asks_for_what_the_address_shows(address: str, command: str) -> None:
    accepted = _accepted(command)
    for name, value in parse_qsl(urlsplit(address).query):
        if value in {"nothing", "perhaps"}:  # what the page does not know it leaves out
            continue
        assert accepted[NAMES.get(name, name)] == BOOLEANS.get(value, value), command
    if command.startswith(("makima contracts list", "makima agents list")):
        assert accepted["sort"] is not None
