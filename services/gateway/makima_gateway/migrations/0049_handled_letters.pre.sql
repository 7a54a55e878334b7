-- What became of dead letters under an idempotency key: a repeat gets the first answer. No part of the read model: a rebuild leaves it
-- alone.
create table handled_letters (
  tenant text not null,
  command_id uuid not null,
  letter bigint not null,
  outcome text not null,
  stream text,
  sequence bigint,
  handled_at timestamptz not null default clock_timestamp(),
  primary key (tenant, command_id)
);
