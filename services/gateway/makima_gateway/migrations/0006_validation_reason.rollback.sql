-- A phase that is not ready says again that its validator objected, but not why.
alter table contracts drop column validation_reason;
