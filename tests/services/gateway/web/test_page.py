"""A browser gets the page, a program the API's answer; without a build, the command that makes one."""

from pathlib import Path

import httpx
import pytest
from makima_gateway.web.page import ADDRESSES, routes, wants_html
from starlette.applications import Starlette

from tests.browser.pages import BUILT, script_kb
from tests.services.gateway.harness import refused

SCRIPT_KB = 120  # P14
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>makima</title>")
    (tmp_path / "theme.js").write_text("{}")
    (tmp_path / ".sources").write_text("a hash")
    (tmp_path / "assets/index-4nip.js").write_text("export {}")
    (tmp_path / "assets/plex-IvpU.woff2").write_bytes(b"wOF2")
    return tmp_path


@pytest.fixture
def client(built: Path) -> httpx.AsyncClient:
    return asking(built)


def asking(built: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=routes(built)))
    return httpx.AsyncClient(transport=transport, base_url="http://page", headers=BROWSER)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_browser_gets_the_page_at_each_address(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address.format(contract_id="c1", role="builder"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
    assert "<title>makima</title>" in answer.text


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html;q=0", ""])
async def test_a_program_does_not_get_the_page(client: httpx.AsyncClient, accept: str) -> None:
    assert (await client.get("/contracts", headers={"Accept": accept})).status_code == 404


async def test_an_address_that_does_not_exist_is_told_to_a_browser_by_the_page(
    client: httpx.AsyncClient,
) -> None:
    nowhere = await client.get("/contracts/c1/nothing")
    assert (nowhere.status_code, nowhere.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<title>makima</title>" in nowhere.text
    for address in ("/api/v1/nothing", "/assets/nothing.js"):
        assert "<title>makima</title>" not in (await client.get(address)).text
    assert (await client.post("/nothing")).status_code == 404
    assert (await client.get("/nothing", headers={"Accept": "*/*"})).text == "Not Found"


def test_a_browser_is_one_that_names_html() -> None:
    assert wants_html(BROWSER["Accept"])
    assert wants_html("application/json, TEXT/HTML;q=0.1")
    assert not wants_html("text/html;q=0.0")
    assert not wants_html("application/xhtml+xml")


async def test_an_asset_is_kept_for_good_and_the_rest_is_asked_for_again(client: httpx.AsyncClient) -> None:
    script = await client.get("/assets/index-4nip.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await client.get("/assets/plex-IvpU.woff2")).headers["Content-Type"] == "font/woff2"
    assert (await client.get("/theme.js")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2findex.html", "/assets/%2e%2e", "/.sources", "/index.html"]
)
async def test_nothing_else_of_the_machine_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_without_a_build_the_answer_is_the_command_that_makes_it(tmp_path: Path) -> None:
    answer = await asking(tmp_path).get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "<code>make web</code>" in answer.text
    assert "Retry-After" in answer.headers


async def test_no_page_loads_from_another_host_or_runs_what_stands_in_it(http: httpx.AsyncClient) -> None:
    site = str(http.base_url).removesuffix("/api/v1/")
    policy = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    for path in ("/", "/contracts/c1", "/docs", "/docs/style.css", "/api/v1/contracts"):
        answer = await http.get(f"{site}{path}", headers=BROWSER)
        assert answer.headers["Content-Security-Policy"] == policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
    docs = await http.get(f"{site}/docs", headers=BROWSER)
    assert "<style" not in docs.text
    assert "<script" not in docs.text
    assert (await http.get(f"{site}/docs/style.css")).headers["Content-Type"].startswith("text/css")
    await refused(http.get(f"{site}/contracts", headers={"Accept": "application/json"}), 404, "NOT_FOUND")


@pytest.mark.skipif(not BUILT.exists(), reason="the page is not built (make web)")
def test_the_script_of_all_pages_together_keeps_its_budget() -> None:
    assert 0 < script_kb() <= SCRIPT_KB
