-- A released task shows who had it last again.
alter table tasks drop column wanted_role;
