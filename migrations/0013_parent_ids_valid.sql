-- In a transaction of its own: the tables are read under a lock that lets everybody read and write.
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_phone_number_check;
