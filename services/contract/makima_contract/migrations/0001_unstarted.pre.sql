-- Contracts that wait for their supervisor's first heartbeat; `supervised_at` is the position of the event that said it came.
create table unstarted (
    tenant text not null,
    contract_id text not null,
    supervised_at bigint,
    traceparent text,
    primary key (tenant, contract_id)
);

create index unstarted_supervised on unstarted (supervised_at) where supervised_at is not null;
