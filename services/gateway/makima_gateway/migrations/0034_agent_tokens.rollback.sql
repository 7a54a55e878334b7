-- Agents lose their tokens: a version of before does not know what they may do.
delete from tokens where role = 'agent';
alter table tokens drop constraint tokens_role, drop constraint tokens_daemon, drop constraint tokens_owner, drop constraint tokens_agent;
alter table tokens
  add constraint tokens_role_check check (role in ('admin', 'owner', 'viewer', 'daemon')),
  add constraint tokens_check check ((role = 'daemon') = (daemon_id is not null)),
  add constraint tokens_check1 check (role = 'daemon' or owner is not null);
alter table tokens drop column contract_id, drop column agent_role, drop column connection_id;
