alter table tasks drop column wanted_role;
