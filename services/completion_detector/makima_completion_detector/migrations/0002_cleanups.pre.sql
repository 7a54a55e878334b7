-- When the clean-up of a completion is over. No event says so: what a rebuild folds anew is other tables, and this one stays as it is.
create table cleanups (
    tenant text not null,
    contract_id text not null,
    episode bigint not null,
    deadline timestamptz not null,
    primary key (tenant, contract_id)
);

insert into cleanups
select tenant, contract_id, cleanup_episode, cleanup_deadline from todo where cleanup_deadline is not null;
