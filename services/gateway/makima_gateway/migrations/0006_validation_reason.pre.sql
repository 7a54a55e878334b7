-- What a gate's validator had to say against the work. Rows from before know that it objected, not why; the next verdict tells, or
-- `makima ledger rebuild gateway` takes it from the log.
alter table contracts add column validation_reason text;
