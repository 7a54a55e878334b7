-- Deleting a contract looks for its supervisors one by one again.
drop index supervisors_of_contract;
