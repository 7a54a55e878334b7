-- What batches did, contract by contract: a repeat with the same key gets the first answer, and one that was cut off is taken up again.
-- No part of the read model: a rebuild leaves it alone.
create table batches (
  tenant text not null,
  command_id uuid not null,
  request_hash bytea not null,
  operation text not null,
  actor text not null,
  begun_at timestamptz not null default now(),
  leased_until timestamptz not null default '-infinity',
  reached bigint,
  position bigint not null default 0,
  finished_at timestamptz,
  primary key (tenant, command_id)
);
create table batch_items (
  tenant text not null,
  command_id uuid not null,
  number bigint generated always as identity,
  contract_id text not null,
  target text,
  outcome text,
  detail text,
  primary key (tenant, command_id, contract_id),
  foreign key (tenant, command_id) references batches on delete cascade
);
