-- Restarts are not shown any more.
alter table agents drop column restarts;
