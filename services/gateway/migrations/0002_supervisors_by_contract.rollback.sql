drop index supervisors_of_contract;
