-- Whose contracts are: the daemon that they are assigned to, or, in logs of before, the one heard first; and which owner a daemon serves.
create table assignments (
    tenant text not null,
    contract_id text not null,
    owner_id text not null,
    daemon_id text,
    primary key (tenant, contract_id)
);

create table admissions (
    tenant text not null,
    daemon_id text not null,
    owner_id text,
    primary key (tenant, daemon_id)
);

-- Contracts of before, read from the log: their owner, and the daemon that ran them.
insert into assignments
select e.tenant, substr(e.stream, length('contract-') + 1), e.data ->> 'owner_id', s.daemon_id
from event_log.events as e
left join supervisors as s on s.tenant = e.tenant and s.contract_id = substr(e.stream, length('contract-') + 1) and s.drives
where e.type = 'ContractCreated' and starts_with(e.stream, 'contract-')
  and not exists (
    select from event_log.events as gone where gone.tenant = e.tenant and gone.stream = e.stream and gone.type = 'ContractDeleted'
  )
on conflict do nothing;
