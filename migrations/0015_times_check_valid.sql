-- In a transaction of its own: the tables are read under locks that let others read and write.
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_times_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_times_check;
ALTER TABLE legacy_imports VALIDATE CONSTRAINT legacy_imports_times_check;
ALTER TABLE query_minutes VALIDATE CONSTRAINT query_minutes_times_check;
ALTER TABLE query_error_minutes VALIDATE CONSTRAINT query_error_minutes_times_check;
ALTER TABLE context_minutes VALIDATE CONSTRAINT context_minutes_times_check;
ALTER TABLE process_minutes VALIDATE CONSTRAINT process_minutes_times_check;
ALTER TABLE relation_sizes VALIDATE CONSTRAINT relation_sizes_times_check;
ALTER TABLE guest_days VALIDATE CONSTRAINT guest_days_times_check;
