-- Version 1: the functions. Each is one round trip.
--
-- A plan that PostgreSQL makes while a table is small would scan the table, and stay when it has grown. So the functions
-- find by index from the start.

CREATE FUNCTION {schema}.load(
    of_client bytea, of_device bytea, of_user_code text, of_code bytea, of_refresh bytea, of_access bytea,
    of_source bytea, everyone bytea
) RETURNS TABLE (
    client text, device text, state text, code text, status text, refresh text, access text, guesses text,
    guesses_of_all text
)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT d.client_id, d.record, d.state FROM {schema}.device d WHERE d.selector = of_device
        UNION ALL
        SELECT d.client_id, d.record, d.state FROM {schema}.device d WHERE d.user_code = of_user_code
    ), token AS MATERIALIZED (
        SELECT a.family, a.record FROM {schema}.access a WHERE a.selector = of_access
    )
    SELECT
        (SELECT c.record::text FROM {schema}.client c
            WHERE c.id = coalesce(of_client, (SELECT f.client_id FROM found f))),
        (SELECT f.record::text FROM found f),
        (SELECT f.state::text FROM found f),
        o.record::text,
        o.status::text,
        (SELECT r.record::text FROM {schema}.refresh r
            WHERE r.selector = coalesce(of_refresh, (SELECT t.family FROM token t))),
        (SELECT t.record::text FROM token t),
        (SELECT g.record::text FROM {schema}.guesses g WHERE g.source = of_source),
        (SELECT g.record::text FROM {schema}.guesses g WHERE of_source IS NOT NULL AND g.source = everyone)
    FROM (VALUES (1)) AS one (row)
    LEFT JOIN {schema}.code o ON o.selector = of_code;
END
$$;

-- Commits all changes, or raises and commits none. `expected` is what was loaded: NULL for a record that was not
-- loaded, an empty text for one that did not exist.
--
-- The content is compared, not a number. A crash of the database may lose the latest changes of a device's pace, and
-- then a number would come again with another content.
--
-- SO001: a record has changed since. SO002: another device has the user code.
CREATE FUNCTION {schema}.apply(
    kinds text[], keys bytea[], families bytea[], ids bytea[], user_codes text[], expected text[], records text[],
    states text[], expiries bigint[], forgets bigint[], relaxed boolean
) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    done boolean;
    -- A shared client is marked at most once a minute.
    minute CONSTANT bigint := 60000000;
BEGIN
    IF relaxed THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    FOR i IN 1 .. cardinality(kinds) LOOP
        CASE kinds[i]
        WHEN 'add client' THEN
            INSERT INTO {schema}.client (id, record, needed_until, forget_at)
                VALUES (ids[i], records[i]::json, expiries[i], forgets[i])
                ON CONFLICT (id) DO NOTHING;
            -- Another server knows the client since the load, so the decision must see its record.
            done := FOUND;
        WHEN 'add device' THEN
            INSERT INTO {schema}.device
                    (selector, user_code, client_id, record, state, pending, expires_at, forget_at)
                VALUES (keys[i], user_codes[i], ids[i], records[i]::json, states[i]::json, true, expiries[i],
                    forgets[i])
                ON CONFLICT (user_code) DO NOTHING;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'another device has the user code' USING ERRCODE = 'SO002';
            END IF;
            done := true;
            UPDATE {schema}.client SET needed_until = expiries[i]
                WHERE id = ids[i] AND needed_until < expiries[i] - minute;
        WHEN 'set device', 'pace device' THEN
            UPDATE {schema}.device SET state = states[i]::json, pending = (kinds[i] = 'pace device')
                WHERE selector = keys[i] AND (expected[i] IS NULL OR state::text = expected[i]);
            done := FOUND OR expected[i] IS NULL;
        WHEN 'add code' THEN
            INSERT INTO {schema}.code (selector, record, status, forget_at)
                VALUES (keys[i], records[i]::json, states[i]::json, forgets[i])
                ON CONFLICT (selector) DO NOTHING;
            done := FOUND;
            UPDATE {schema}.client SET needed_until = expiries[i]
                WHERE id = ids[i] AND needed_until < expiries[i] - minute;
        WHEN 'set code' THEN
            UPDATE {schema}.code SET status = states[i]::json
                WHERE selector = keys[i] AND (expected[i] IS NULL OR status::text = expected[i]);
            done := FOUND OR expected[i] IS NULL;
        WHEN 'put refresh' THEN
            IF expected[i] IS NULL OR expected[i] = '' THEN
                INSERT INTO {schema}.refresh (selector, record, forget_at)
                    VALUES (keys[i], records[i]::json, forgets[i])
                    ON CONFLICT (selector) DO NOTHING;
            ELSE
                UPDATE {schema}.refresh SET record = records[i]::json
                    WHERE selector = keys[i] AND record::text = expected[i];
            END IF;
            done := FOUND;
        WHEN 'end refresh' THEN
            DELETE FROM {schema}.refresh
                WHERE selector = keys[i] AND (expected[i] IS NULL OR record::text = expected[i]);
            done := FOUND OR expected[i] IS NULL OR expected[i] = '';
        WHEN 'add access' THEN
            INSERT INTO {schema}.access (selector, family, record, forget_at)
                VALUES (keys[i], families[i], records[i]::json, forgets[i])
                ON CONFLICT (selector) DO NOTHING;
            done := FOUND;
            UPDATE {schema}.client SET signed_in = true WHERE id = ids[i] AND NOT signed_in;
        WHEN 'end access' THEN
            DELETE FROM {schema}.access
                WHERE selector = keys[i] AND (expected[i] IS NULL OR record::text = expected[i]);
            done := FOUND OR expected[i] IS NULL OR expected[i] = '';
        WHEN 'put guesses' THEN
            IF expected[i] IS NULL OR expected[i] = '' THEN
                INSERT INTO {schema}.guesses (source, record, forget_at)
                    VALUES (keys[i], records[i]::json, forgets[i])
                    ON CONFLICT (source) DO NOTHING;
            ELSE
                UPDATE {schema}.guesses SET record = records[i]::json, forget_at = forgets[i]
                    WHERE source = keys[i] AND record::text = expected[i];
            END IF;
            done := FOUND;
        END CASE;
        IF NOT done THEN
            RAISE EXCEPTION 'a record has changed since it was loaded' USING ERRCODE = 'SO001';
        END IF;
    END LOOP;
    RETURN cardinality(kinds);
END
$$;

-- Deletes at most `batch` records of each kind that may be forgotten. Above a limit it deletes more: clients without a token
-- and without a live code; of families, access tokens and sources those that end first. A deletion that a crash undoes is
-- made again.
CREATE FUNCTION {schema}.sweep(
    now_is bigint, batch bigint, clients bigint, families bigint, accesses bigint, sources bigint, everyone bytea
) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    tables CONSTANT text[] := ARRAY['client', 'device', 'code', 'refresh', 'access', 'guesses'];
    above CONSTANT bigint[] := ARRAY[0, 0, 0, families, accesses, sources];
    gone bigint := 0;
    these bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    DELETE FROM {schema}.client WHERE ctid = ANY (ARRAY(
        SELECT c.ctid FROM {schema}.client c WHERE NOT c.signed_in AND c.needed_until <= now_is
            ORDER BY c.needed_until LIMIT least(batch, clients) FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS gone = ROW_COUNT;
    FOR i IN 1 .. cardinality(tables) LOOP
        EXECUTE format(
            'DELETE FROM {schema}.%1$I WHERE ctid = ANY (ARRAY(
                SELECT t.ctid FROM {schema}.%1$I t
                WHERE %2$s AND t.forget_at <= greatest($1, (
                    SELECT s.forget_at FROM {schema}.%1$I s WHERE $3 > 0
                    ORDER BY s.forget_at OFFSET greatest(least($2, $3), 1) - 1 LIMIT 1))
                ORDER BY t.forget_at LIMIT $2 FOR UPDATE SKIP LOCKED))',
            tables[i], CASE tables[i] WHEN 'guesses' THEN 't.source <> $4' ELSE '$4 IS NOT NULL' END
        ) USING now_is, batch, above[i], everyone;
        GET DIAGNOSTICS these = ROW_COUNT;
        gone := gone + these;
    END LOOP;
    RETURN gone;
END
$$;

CREATE FUNCTION {schema}.counted(everyone bytea) RETURNS TABLE (
    clients bigint, devices bigint, codes bigint, families bigint, accesses bigint, sources bigint
)
LANGUAGE sql STABLE AS $$
    SELECT
        (SELECT count(*) FROM {schema}.client),
        (SELECT count(*) FROM {schema}.device),
        (SELECT count(*) FROM {schema}.code),
        (SELECT count(*) FROM {schema}.refresh),
        (SELECT count(*) FROM {schema}.access),
        (SELECT count(*) FROM {schema}.guesses WHERE source <> everyone)
$$;
