"""What P7 and P8 are measured beside: FastAPI routes of one statement each on the same database, and nothing
else.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Body(BaseModel):
    name: str


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=10, max_size=10) as pool:
        await pool.execute(
            "create table if not exists bare (id bigint generated always as identity primary key, name text not null)"
        )
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})


@app.post("/rows", status_code=201)
async def insert(body: Body) -> dict[str, int | str]:
    number: int = await app.state.pool.fetchval("insert into bare (name) values ($1) returning id", body.name)
    return {"id": number, "name": body.name}


@app.get("/counts")
async def count() -> dict[str, int]:
    """What a dashboard counts, if nobody has counted before."""
    found = await app.state.pool.fetch(
        "select status, count(*) as contracts from gateway.contracts group by status, phase"
    )
    return {row["status"]: row["contracts"] for row in found}


@app.get("/contracts")
async def newest() -> list[dict[str, object]]:
    found = await app.state.pool.fetch(
        "select * from gateway.contracts where tenant = 'default' order by created_position desc limit 50"
    )
    return [dict(row) for row in found]


@app.get("/contracts/{contract_id}")
async def show(contract_id: str) -> dict[str, object]:
    return dict(
        await app.state.pool.fetchrow(
            "select * from gateway.contracts where tenant = 'default' and id = $1", contract_id
        )
    )


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BARE_PORT"]),
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
    )
