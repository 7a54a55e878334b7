-- Who may come in. No part of the read model: it is not made from the log, secrets never go there, and a rebuild leaves it alone.
create table tokens (
  number bigint generated always as identity,
  id text primary key,
  tenant text not null,
  hash bytea not null unique check (length(hash) = 32),
  role text not null check (role in ('admin', 'owner', 'viewer', 'daemon')),
  owner text,
  daemon_id text,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  revoked_at timestamptz,
  check ((role = 'daemon') = (daemon_id is not null)),
  check (role = 'daemon' or owner is not null)
);
create index tokens_in_order on tokens (tenant, number);
-- The lists of those who do not see everything.
create index contracts_newest_of_owner on contracts (tenant, owner_id, created_position desc);
create index supervisors_of_daemon on supervisors (tenant, daemon_id);
