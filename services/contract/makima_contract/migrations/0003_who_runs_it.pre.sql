-- Whose supervisor drives a contract: the daemon that may command it. Rows from before do not know; they do as soon as their supervisor
-- changes its state, or after `makima ledger rebuild contract`.
alter table supervisors add column daemon_id text, add column drives boolean not null default false;
