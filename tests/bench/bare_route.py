"""What P7 is measured beside: a FastAPI route that inserts one row, commits, and answers; nothing else."""

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
        await pool.execute("create table if not exists bare (id bigint generated always as identity primary key, name text not null)")
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})


@app.post("/rows", status_code=201)
async def insert(body: Body) -> dict[str, int | str]:
    number: int = await app.state.pool.fetchval("insert into bare (name) values ($1) returning id", body.name)
    return {"id": number, "name": body.name}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BARE_PORT"]), access_log=False, log_level="warning", timeout_keep_alive=75)
