"""`makima maintenance end`: ends a window before its time."""

import click

from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("scope", metavar="SCOPE")
@with_session("text", "json")
def end(session: Session, *, scope: str) -> None:
    """End the window of SCOPE now: from here on, everyone in it has a full timeout. One that is planned is called off."""
    session.run(lambda http: http.send("DELETE", "/maintenance", query={"scope": scope}))
    if session.as_json:
        echo_json({"scope": scope, "ended": True})
    else:
        say(f"{scope} has no window of maintenance any more")
