-- The read model does not say why anybody is stuck any more.
alter table agents drop column stuck_proof;
alter table supervisors drop column progress_at, drop column stuck_proof;
