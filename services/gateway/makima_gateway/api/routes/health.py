"""Serves `/livez`, `/readyz`, `/healthz` and `/metrics` also on the main port, for probes that know only that port."""

from fastapi import APIRouter
from makima_kernel.telemetry.exposition import CONTENT_TYPE
from starlette.responses import Response

from makima_gateway.api.context import CurrentGateway
from makima_gateway.http.responses import json_response

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez(gateway: CurrentGateway) -> Response:
    status, body = gateway.health.livez()
    return json_response(body, status=status)


@router.get("/readyz")
async def readyz(gateway: CurrentGateway) -> Response:
    status, body = await gateway.health.readiness()
    return json_response(body, status=status)


@router.get("/healthz")
async def healthz(gateway: CurrentGateway) -> Response:
    status, body = await gateway.health.condition()
    return json_response(body, status=status)


@router.get("/metrics")
async def metrics(gateway: CurrentGateway) -> Response:
    return Response(await gateway.health.metrics(), media_type=CONTENT_TYPE)
