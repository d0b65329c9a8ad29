"""guestsql: PostgreSQL for a hotel's chat bot, every statement a named query in a plain .sql file."""
