-- What the dashboard and the gauges count, kept by the projection as contracts change: counting them all would cost what they are many.
-- A gateway of before that still runs does not keep it: after it is gone, `makima ledger rebuild gateway` counts anew.
create table tallies (
  tenant text not null,
  owner_id text not null,
  status text not null,
  phase text not null,
  contracts bigint not null,
  stale bigint not null,
  supervised bigint not null,
  tasks_running bigint not null,
  tasks_pending bigint not null,
  primary key (tenant, owner_id, status, phase)
) with (fillfactor = 50);
insert into tallies
select tenant, owner_id, status, phase, count(*), count(*) filter (where stale), count(*) filter (where supervisor_alive),
  sum(tasks_running), sum(tasks_pending)
from contracts group by tenant, owner_id, status, phase;

-- The stale ones, newest first; their flag changes seldom, so that other changes of a contract stay in its page of the table.
create index contracts_stale on contracts (tenant, created_position desc) where stale;
