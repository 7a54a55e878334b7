-- Where nothing was done yet, activity counts from the last update. Rows from before count as they did; `makima ledger rebuild stale_detector`
-- takes them from the log.
alter table contracts add column ever_active boolean not null default true;
