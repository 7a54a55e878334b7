"""`makima open`: opens the web page, signed in by a one-time code."""

import webbrowser

import click

from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command("open")
@click.option("--browser/--no-browser", default=True, help="Open it, or only print the link.")
@with_session("text", "json")
def open_page(session: Session, *, browser: bool) -> None:
    """Open the web page, signed in as the token that commands use. The link holds for a minute, once."""
    made = session.send("POST", "/session/codes")
    link = f"{session.connection.url.rstrip('/')}{made['path']}"
    if session.as_json:
        echo_json({"url": link, "expires_at": made["expires_at"]})
    elif not browser or not webbrowser.open(link):
        click.echo(link)
        say("it signs a browser in once, within a minute", err=True)
