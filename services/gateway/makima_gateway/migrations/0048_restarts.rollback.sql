alter table agents drop column restarts;
