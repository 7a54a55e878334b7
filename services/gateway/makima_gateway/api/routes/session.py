"""Signs browsers in and out, and tells a caller who it is."""

from typing import Final, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from makima_gateway.api.context import CurrentGateway, Gateway
from makima_gateway.api.schemas.session import Me, SessionState, SignIn, SignInCode
from makima_gateway.auth.browser import check_sign_in, set_cookie
from makima_gateway.auth.policy import POLICY
from makima_gateway.auth.principal import Access, CurrentPrincipal, Principal, principal, signed_in
from makima_gateway.auth.refusals import no_valid_token
from makima_gateway.http.responses import json_response

router = APIRouter(tags=["session"])
CALLED: Final = [Depends(principal)]  # of every route but the one for who has no token yet


@router.get("/me", response_model=Me, dependencies=CALLED)
async def show_me(gateway: CurrentGateway, caller: CurrentPrincipal) -> Response:
    """What the caller may reach of an operation's resources depends on their owner too."""
    return json_response(_me(gateway, caller))


@router.get("/session", response_model=SessionState)
async def show_session(gateway: CurrentGateway, request: Request) -> Response:
    """What a page asks first: it is no error that nobody is signed in yet."""
    caller = await signed_in(request)
    me = None if caller is None else _me(gateway, caller)
    return json_response(SessionState(me is not None, me))


@router.post("/session", status_code=204)
async def sign_in(body: SignIn, gateway: CurrentGateway, request: Request) -> Response:
    """The cookie stands for the token: it may do the same, from pages of this origin only, and ends with it. A code
    signs in once.
    """
    check_sign_in(request, cast("Access", request.state.access).origins)
    opened = await gateway.sessions.sign_in(body.secret)
    if opened is None:
        raise no_valid_token()
    return Response(status_code=204, headers={"Set-Cookie": set_cookie(request, opened)})


@router.delete("/session", status_code=204, dependencies=CALLED)
async def sign_out(gateway: CurrentGateway, caller: CurrentPrincipal, request: Request) -> Response:
    """Ends the session of the cookie, and monitor connections that were opened with it. The token stays in force."""
    if caller.session_id is not None:
        await gateway.sessions.end(caller.session_id)
    return Response(status_code=204, headers={"Set-Cookie": set_cookie(request, None)})


@router.post("/session/codes", status_code=201, response_model=SignInCode, dependencies=CALLED)
async def create_sign_in_code(gateway: CurrentGateway, caller: CurrentPrincipal) -> Response:
    """For a link that somebody opens at once: `makima open` does. It holds for a minute, once."""
    made = await gateway.sessions.new_code(caller.token_id)
    return json_response(SignInCode(made.code, f"/?code={made.code}", made.expires_at), status=201)


def _me(gateway: Gateway, caller: Principal) -> Me:
    may = [operation for operation, rule in POLICY.items() if caller.role in rule.roles]
    http = gateway.settings.http
    return Me(caller.role, caller.visibility.owner_id, caller.token_id, may, http.context, http.demo)
