-- `asked_at_once`: the contract's daemon was asked for the role when the task began to wait; `requested`: it was the second time.
alter table role_tasks add column asked_at_once boolean not null default false;
