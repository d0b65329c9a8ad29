-- Replies to guests. What a sender calls is in internal/outbox.sql: claim_replies, reply_sent, reply_failed.
-- check: large outbox

-- name: export_outbox(phone_number)
-- A guest's replies.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(reply) - 'lease' AS reply
FROM outbox AS reply
WHERE reply.phone_number = :phone_number::text
ORDER BY reply.reply_id;

-- name: forget_outbox(phone_number)!
-- Erases a guest's replies, sent or not. A sender that has claimed one gets an error when it marks it.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM outbox
WHERE phone_number = :phone_number::text;

-- name: merge_outbox(keep, duplicate)!
-- Moves a duplicate's replies to the guest to keep. Claimed ones stay claimed; the order stays that of their queueing.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE outbox
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;
