-- Activity counts from the creation again, where nothing was done since.
alter table contracts drop column ever_active;
