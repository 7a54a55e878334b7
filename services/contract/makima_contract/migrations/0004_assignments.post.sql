-- Nobody asks any more which supervisor drives a contract.
alter table supervisors drop column drives;
