-- In a separate transaction: the table is read under a lock that lets others read and write.
ALTER TABLE operations VALIDATE CONSTRAINT operations_lease_check;
ALTER TABLE operations VALIDATE CONSTRAINT operations_claim_times_check;
SELECT guestsql_make_message_partitions();
