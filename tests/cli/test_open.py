"""`makima open` and `makima up` give a link that signs a browser in, once, without a lasting secret."""

import webbrowser
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from makima_cli.up.show import Running, summary
from makima_cli.up.sign_in import sign_in_link

from tests.cli.conftest import Makima
from tests.plain_http import plain_client
from tests.services.gateway.harness import ADMIN, Gateways


async def test_the_link_signs_a_browser_in_once(
    makima: Makima, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_(link: str) -> bool:
        opened.append(link)
        return True

    monkeypatch.setattr(webbrowser, "open", open_)
    ran = await makima("open")
    assert (ran.exit, ran.out) == (0, "")
    printed = (await makima("open", "--no-browser")).out.strip()
    as_json = cast("dict[str, str]", (await makima("open", "--format", "json")).json)["url"]
    address = urlsplit(str(gateways.clients[0].base_url))
    of_up = await sign_in_link(f"http://{address.netloc}", ADMIN)
    assert len(opened) == 1
    async with plain_client() as browser:
        for link in (opened[0], printed, as_json, of_up):
            assert link is not None
            assert ADMIN not in link
            signed_in = [(await browser.get(link)).headers.get("Set-Cookie") is not None for _ in range(2)]
            assert signed_in == [True, False], link


async def test_up_shows_the_link_to_people_and_to_no_program(tmp_path: Path) -> None:
    link = "http://127.0.0.1:8420/?code=mc_x"
    running = Running(
        "http://127.0.0.1:8420",
        "nats://x",
        "postgresql://y",
        "mk_t",
        tmp_path,
        {},
        None,
        {"nats": 1, "postgres": 2},
        {},
    )
    shown = summary(running, None, 1.0, link)
    assert f" {link}  (signs you in once, within a minute; another: " in shown
    assert "  page " not in summary(running, None, 1.0, None)
    assert await sign_in_link("http://127.0.0.1:1", "mk_t") is None, "a system runs without it"
