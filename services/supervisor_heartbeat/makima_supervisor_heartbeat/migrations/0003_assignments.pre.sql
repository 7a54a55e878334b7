-- Whose contracts are: the daemon that they are assigned to, or, in logs of before, the one heard first.
create table assignments (
    tenant text not null,
    contract_id text not null,
    owner_id text not null,
    daemon_id text,
    primary key (tenant, contract_id)
) with (fillfactor = 80);

-- Contracts of before, read from the log: their owner, and the daemon of the first supervisor heard.
insert into assignments
select distinct on (made.tenant, made.stream) made.tenant, substr(made.stream, length('contract-') + 1), made.data ->> 'owner_id',
    heard.data ->> 'daemon_id'
from event_log.events as made
left join event_log.events as heard on heard.tenant = made.tenant and heard.type = 'SupervisorRegistered'
    and heard.data ->> 'contract_id' = substr(made.stream, length('contract-') + 1)
where made.type = 'ContractCreated' and starts_with(made.stream, 'contract-')
  and not exists (
    select from event_log.events as gone where gone.tenant = made.tenant and gone.stream = made.stream and gone.type = 'ContractDeleted'
  )
order by made.tenant, made.stream, heard.position;
