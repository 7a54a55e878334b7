-- Tokens of agents: of one role of one contract, for the connection that they were made for. `daemon_id`: of the daemon that made it;
-- null: nobody's.
alter table tokens add column contract_id text, add column agent_role text, add column connection_id text;
alter table tokens drop constraint tokens_role_check, drop constraint tokens_check, drop constraint tokens_check1;
alter table tokens
  add constraint tokens_role check (role in ('admin', 'owner', 'viewer', 'daemon', 'agent')) not valid,
  add constraint tokens_daemon check (role = 'agent' or (role = 'daemon') = (daemon_id is not null)) not valid,
  add constraint tokens_owner check (role = 'daemon' or owner is not null) not valid,
  add constraint tokens_agent check (
    (role = 'agent') = (contract_id is not null and agent_role is not null and connection_id is not null and expires_at is not null)
  ) not valid;
create index tokens_of_agents on tokens (tenant, contract_id) where role = 'agent';
