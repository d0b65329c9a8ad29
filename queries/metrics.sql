-- What the processes counted is in the minute tables (migrations/0004_metrics.sql), where old minutes are added up.
-- check: large query_minutes, query_error_minutes, context_minutes, process_minutes

-- name: thin_minutes(minute_days, hour_days)$
-- Combines old minutes into hours and deletes old hours, in all four minute tables.
-- Returns the number of rows read, 0 when nothing is left to do: a call takes one day of each table. It may be run at any
-- time, by several at once.
-- es: Reúne minutos antiguos en horas y borra horas antiguas, en las cuatro tablas de minutos.
--   minute_days: int = 7, days for which minutes are kept
--     es: días que se conservan los minutos
--   hour_days: int = NULL, days for which hours are kept; NULL for those of retention_rules
--     es: días que se conservan las horas; NULL para los de retention_rules
SELECT guestsql_thin_minutes(:minute_days::int, guestsql_keep_days('metrics', :hour_days::int)) AS thinned_rows;
