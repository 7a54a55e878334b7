"""Contracts made by the command line itself."""

from typing import cast

from tests.cli.conftest import Makima


async def create(makima: Makima, name: str, *options: str) -> dict[str, object]:
    ran = await makima("contracts", "create", name, "--format", "json", *options)
    assert ran.exit == 0, ran.err
    return cast("dict[str, object]", ran.json)
