-- Former guests, for marketing. Keyed by phone_number alone, and not by id: were the table spread over several
-- servers by phone number, each unique constraint would have to contain it. id stays, as a plain identity column,
-- for whatever refers to a client by number. The guide's index on phone_number is gone: the primary key is one.
CREATE TABLE historical_clients (
    id bigint GENERATED ALWAYS AS IDENTITY,
    phone_number text NOT NULL,
    user_name text,
    contact_name text,
    labels text[] NOT NULL DEFAULT '{}',
    total_interactions bigint NOT NULL DEFAULT 0,
    last_interaction timestamptz,

    -- NULL: nothing is known. A text with a check, not an enum: a state can be added without a lock on every reader.
    booking_status text,

    -- Never NULL: what was not given is not consent.
    marketing_consent boolean NOT NULL DEFAULT FALSE,
    notes text,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    archived_at timestamptz,

    CONSTRAINT historical_clients_pkey PRIMARY KEY (phone_number),
    CONSTRAINT historical_clients_phone_number_check CHECK (
        phone_number ~ '^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'
    ),
    CONSTRAINT historical_clients_names_check CHECK (user_name <> '' AND contact_name <> ''),
    CONSTRAINT historical_clients_labels_check CHECK (
        labels = '{}'
        OR (array_ndims(labels) = 1 AND array_position(labels, NULL) IS NULL AND array_position(labels, '') IS NULL)
    ),
    CONSTRAINT historical_clients_total_interactions_check CHECK (total_interactions >= 0),
    CONSTRAINT historical_clients_booking_status_check CHECK (
        booking_status IN ('interested', 'booked', 'inactive', 'lost')
    )
)
WITH (fillfactor = 90);

-- Serves the lists by booking status.
CREATE INDEX idx_historical_clients_status ON historical_clients (booking_status);
