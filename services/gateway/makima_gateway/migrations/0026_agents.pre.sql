-- The agents of contracts, folded from their streams; the row of the role `supervisor` from the stream of the contract's supervisor.
-- The projection's fold number went up with it: it is filled by the rebuild.
create table agents (
  tenant text not null,
  contract_id text not null,
  role text not null,
  owner_id text not null,
  agent_status text not null check (agent_status in ('offline', 'dead', 'dead_failed_revive', 'ready', 'working', 'restarting')),
  connection_id text,
  daemon_id text,
  since timestamptz not null,
  joined_at timestamptz,
  version bigint not null,
  position bigint not null,
  event text not null,
  trigger text not null,
  reason text,
  evidence json,
  hidden boolean not null,
  stuck boolean not null,
  progress_at timestamptz,
  fenced json not null,
  primary key (tenant, contract_id, role)
) with (fillfactor = 80);
-- A page of a list reads, for each status asked for, no more rows than it shows: both end in the list's order.
create index agents_listed on agents (tenant, agent_status, stuck, contract_id, role) where not hidden;
create index agents_of_owner on agents (tenant, owner_id, agent_status, stuck, contract_id, role) where not hidden;

alter table supervisors add column restart_requested boolean not null default false;
