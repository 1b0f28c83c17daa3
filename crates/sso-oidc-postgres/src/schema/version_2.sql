-- Version 2: a poll is one round trip, and servers that sweep at once remove a surplus once.

DROP FUNCTION {schema}.sweep(bigint, bigint, bigint, bigint, bigint, bigint, bytea);

-- Commits the pace of a device that waits, if its state and the record of its client are still as `expected`. Then it
-- returns no row. Otherwise it commits nothing, and returns what `load` would return. So a poll that is decided on
-- remembered records is one round trip, and never rests on old ones. The record of a device never changes.
CREATE FUNCTION {schema}.pace(
    of_device bytea, of_client bytea, expected text, expected_client text, state_to_be text
) RETURNS TABLE (
    client text, device text, state text, code text, status text, refresh text, access text, guesses text,
    guesses_of_all text
)
LANGUAGE plpgsql SET enable_seqscan = off SET lock_timeout = '5s' AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE {schema}.device d SET state = state_to_be::json
        WHERE d.selector = of_device AND d.state::text = expected
            AND (SELECT c.record::text FROM {schema}.client c WHERE c.id = of_client)
                IS NOT DISTINCT FROM expected_client;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM {schema}.load(of_client, of_device, NULL, NULL, NULL, NULL, NULL, NULL);
    END IF;
END
$$;

-- Deletes at most `batch` records of each kind that may be forgotten. Above a limit it deletes more: clients without a
-- token and without a live code, until there is room for the next one; of families, access tokens and sources those that
-- end first. Returns the number of deleted records, and the counts of those that are left. A deletion that a crash undoes
-- is made again.
--
-- The records are counted under a lock, after the deletions of any other server. Otherwise each of several servers would
-- delete the same surplus.
CREATE FUNCTION {schema}.remove_forgotten(
    now_is bigint, batch bigint, most_clients bigint, most_families bigint, most_accesses bigint, most_sources bigint,
    everyone bytea
) RETURNS TABLE (
    gone bigint, clients bigint, devices bigint, codes bigint, families bigint, accesses bigint, sources bigint
)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    tables CONSTANT text[] := ARRAY['client', 'device', 'code', 'refresh', 'access', 'guesses'];
    most CONSTANT bigint[] := ARRAY[most_clients - 1, NULL, NULL, most_families, most_accesses, most_sources];
    there bigint[];
    rest text;
    total bigint := 0;
    these bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('{schema}.remove_forgotten', 0));
    SELECT ARRAY[c.clients, c.devices, c.codes, c.families, c.accesses, c.sources] INTO there
        FROM {schema}.counted(everyone) c;
    PERFORM set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true);
    FOR i IN 1 .. cardinality(tables) LOOP
        rest := CASE tables[i] WHEN 'guesses' THEN 't.source <> $3' ELSE '$3 IS NOT NULL' END;
        EXECUTE format(
            'DELETE FROM {schema}.%1$I WHERE ctid = ANY (ARRAY(
                SELECT t.ctid FROM {schema}.%1$I t WHERE t.forget_at <= $1 AND %2$s
                ORDER BY t.forget_at LIMIT $2 FOR UPDATE SKIP LOCKED))',
            tables[i], rest
        ) USING now_is, batch, everyone;
        GET DIAGNOSTICS these = ROW_COUNT;
        total := total + these;
        there[i] := there[i] - these;
        CONTINUE WHEN most[i] IS NULL OR there[i] <= most[i];
        IF tables[i] = 'client' THEN
            DELETE FROM {schema}.client c WHERE c.ctid = ANY (ARRAY(
                SELECT t.ctid FROM {schema}.client t WHERE NOT t.signed_in AND t.needed_until <= now_is
                ORDER BY t.needed_until LIMIT least(batch, there[i] - most[i]) FOR UPDATE SKIP LOCKED));
        ELSE
            EXECUTE format(
                'DELETE FROM {schema}.%1$I WHERE ctid = ANY (ARRAY(
                    SELECT t.ctid FROM {schema}.%1$I t WHERE $1 IS NOT NULL AND %2$s
                    ORDER BY t.forget_at LIMIT $2 FOR UPDATE SKIP LOCKED))',
                tables[i], rest
            ) USING now_is, least(batch, there[i] - most[i]), everyone;
        END IF;
        GET DIAGNOSTICS these = ROW_COUNT;
        total := total + these;
        there[i] := there[i] - these;
    END LOOP;
    RETURN QUERY SELECT total, there[1], there[2], there[3], there[4], there[5], there[6];
END
$$;
