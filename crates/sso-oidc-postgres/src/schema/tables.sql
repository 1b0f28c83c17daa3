-- Version 1: the tables.
--
-- Times are microseconds since 1970. A record is text in JSON that this program has written; `json` keeps it to the
-- letter, where `jsonb` refuses the escape of a NUL. A selector is the key of a code or token, and no secret. An id is
-- UTF-8, in which `text` would refuse a NUL: `SELECT convert_from(id, 'UTF8') FROM client`.

CREATE TABLE {schema}.client (
    id bytea PRIMARY KEY,
    record json NOT NULL,
    -- Whether it has had a token.
    signed_in boolean NOT NULL DEFAULT false,
    -- The expiry of its latest code. Until then a person may approve it.
    needed_until bigint NOT NULL,
    forget_at bigint NOT NULL
);
CREATE INDEX client_forget_at ON {schema}.client (forget_at);
CREATE INDEX client_unused ON {schema}.client (needed_until) WHERE NOT signed_in;

-- Every poll writes `state`. No index has it, and pages have room, so that such an update touches no index (HOT).
CREATE TABLE {schema}.device (
    selector bytea PRIMARY KEY,
    user_code text NOT NULL UNIQUE,
    client_id bytea NOT NULL,
    record json NOT NULL,
    state json NOT NULL,
    pending boolean NOT NULL,
    expires_at bigint NOT NULL,
    forget_at bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX device_pending ON {schema}.device (expires_at) WHERE pending;
CREATE INDEX device_forget_at ON {schema}.device (forget_at);

CREATE TABLE {schema}.code (
    selector bytea PRIMARY KEY,
    record json NOT NULL,
    status json NOT NULL,
    forget_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX code_forget_at ON {schema}.code (forget_at);

CREATE TABLE {schema}.refresh (
    selector bytea PRIMARY KEY,
    record json NOT NULL,
    forget_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX refresh_forget_at ON {schema}.refresh (forget_at);

CREATE TABLE {schema}.access (
    selector bytea PRIMARY KEY,
    family bytea,
    record json NOT NULL,
    forget_at bigint NOT NULL
);
CREATE INDEX access_forget_at ON {schema}.access (forget_at);

CREATE TABLE {schema}.guesses (
    source bytea PRIMARY KEY,
    record json NOT NULL,
    forget_at bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX guesses_forget_at ON {schema}.guesses (forget_at);

CREATE TABLE {schema}.setting (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
