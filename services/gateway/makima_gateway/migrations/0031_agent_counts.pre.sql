-- What the dashboard and the gauges count of agents, kept by the projection as agents change. Its fold number went up with it: the rebuild
-- counts those of before.
create table agent_counts (
  tenant text not null,
  owner_id text not null,
  agent_status text not null,
  stuck boolean not null,
  agents bigint not null,
  primary key (tenant, owner_id, agent_status, stuck)
) with (fillfactor = 50);
