-- In a transaction of its own: the table is read under a lock that lets everybody read and write.
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
