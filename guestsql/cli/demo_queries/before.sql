-- name: list_calls_today()
-- Guests whom the front desk calls today.
SELECT
    phone_number,
    coalesce(contact_name, user_name) AS name,
    labels
FROM guest_profiles
WHERE labels @> '{VIP}'
ORDER BY phone_number;
