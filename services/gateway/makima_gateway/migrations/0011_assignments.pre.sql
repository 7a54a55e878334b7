-- Whose contracts are: the daemon that they are assigned to, or, in logs of before, the one that runs their supervisor; and which owner a
-- daemon serves.
alter table contracts add column daemon_id text;
update contracts set daemon_id = supervisors.daemon_id
from supervisors
where supervisors.tenant = contracts.tenant and supervisors.task_id = contracts.supervisor_task_id;
create index contracts_of_daemon on contracts (tenant, daemon_id) where daemon_id is not null;

alter table daemons add column admitted boolean not null default false, add column owner_id text;
-- Those that only their supervisors named are registered, not connected.
update daemons set connected = false where hostname = '';

-- What the ids of everything that is created are made with, so that nobody can compute one from an idempotency key.
create table id_secret (
  one boolean primary key default true check (one),
  secret bytea not null
);
