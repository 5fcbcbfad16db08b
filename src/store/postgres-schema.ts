/** The version of the schema that this program knows. A newer store refuses an older program. */
export const VERSION = 1

/** What each version adds to the one before, in the schema that `search_path` names. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE rows (
  key text COLLATE "C" PRIMARY KEY,
  -- Stays when a row is replaced: a place in the lists, and what a cursor counts.
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  value text NOT NULL,
  -- Milliseconds since the epoch, by the clock of the program.
  expires double precision NOT NULL,
  lists text[] NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX rows_expires ON rows (expires);

CREATE TABLE listed (
  name text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  PRIMARY KEY (name, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- writes: [{op, key, expected, value, expires, lists}] in the order of their keys, which is that of all locks, so that
-- two batches never wait for each other. Answers for each whether a live row stood there; NULL where a swap lost.
CREATE FUNCTION commit_writes(
  writes jsonb, now_ms double precision, until_ms double precision, channel text, messages text[]
) RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
  last constant int := jsonb_array_length(writes) - 1;
  stood boolean[] := '{}';
  absent boolean[] := '{}';
  write jsonb;
  before record;
  former text := NULL;
  names text[];
BEGIN
  -- What has plainly lost is told so without a lock, and without a commit that the disk has to take.
  FOR i IN 0 .. last LOOP
    write := writes -> i;
    CONTINUE WHEN write ->> 'op' <> 'swap';
    IF (SELECT value FROM rows WHERE key = write ->> 'key' AND expires > now_ms)
      IS DISTINCT FROM (write ->> 'expected') THEN
      RETURN NULL;
    END IF;
  END LOOP;
  FOR i IN 0 .. last LOOP
    write := writes -> i;
    SELECT value, expires > now_ms AS live INTO before FROM rows WHERE key = write ->> 'key' FOR UPDATE;
    absent := absent || (NOT FOUND);
    stood := stood || coalesce(before.live, false);
    IF write ->> 'op' = 'swap' AND
      (CASE WHEN before.live THEN before.value END) IS DISTINCT FROM (write ->> 'expected') THEN
      RAISE EXCEPTION 'another value stands there' USING ERRCODE = 'PCL01';
    END IF;
  END LOOP;
  -- With the locks in hand: whoever waits for this has been told by then that it failed.
  IF extract(epoch FROM clock_timestamp()) * 1000 > until_ms THEN
    RAISE EXCEPTION 'it could not begin before its deadline' USING ERRCODE = 'PCL02';
  END IF;
  FOR i IN 0 .. last LOOP
    write := writes -> i;
    LOOP
      SELECT id, lists INTO before FROM rows WHERE key = write ->> 'key' FOR UPDATE;
      IF FOUND THEN
        -- Written by somebody else since we looked.
        IF absent[i + 1] AND write ->> 'op' = 'swap' AND former IS DISTINCT FROM (write ->> 'key') THEN
          RAISE EXCEPTION 'another value stands there' USING ERRCODE = 'PCL01';
        END IF;
        IF write ->> 'op' = 'delete' THEN
          DELETE FROM rows WHERE key = write ->> 'key';
          DELETE FROM listed WHERE name = ANY (before.lists) AND id = before.id;
          EXIT;
        END IF;
        names := ARRAY(SELECT jsonb_array_elements_text(write -> 'lists'));
        UPDATE rows SET value = write ->> 'value', expires = (write ->> 'expires')::double precision, lists = names
          WHERE key = write ->> 'key';
        IF names IS DISTINCT FROM before.lists THEN
          DELETE FROM listed WHERE name = ANY (before.lists) AND id = before.id;
          INSERT INTO listed (name, id, key)
            SELECT DISTINCT unnest(names), before.id, write ->> 'key';
        END IF;
        EXIT;
      END IF;
      EXIT WHEN write ->> 'op' = 'delete';
      names := ARRAY(SELECT jsonb_array_elements_text(write -> 'lists'));
      INSERT INTO rows (key, value, expires, lists)
        VALUES (write ->> 'key', write ->> 'value', (write ->> 'expires')::double precision, names)
        ON CONFLICT (key) DO NOTHING RETURNING id INTO before;
      IF FOUND THEN
        INSERT INTO listed (name, id, key) SELECT DISTINCT unnest(names), before.id, write ->> 'key';
        EXIT;
      END IF;
    END LOOP;
    former := write ->> 'key';
  END LOOP;
  PERFORM pg_notify(channel, message) FROM unnest(messages) AS message;
  RETURN stood;
END $$;

CREATE TABLE version (number int NOT NULL);
INSERT INTO version VALUES (1);
`,
]

export const READ = 'SELECT key, value FROM rows WHERE key = ANY ($1) AND expires > $2'

const page = (beyond: '<' | '>', order: 'ASC' | 'DESC'): string => `
SELECT listed.id, rows.key, rows.value FROM listed JOIN rows ON rows.key = listed.key AND rows.id = listed.id
WHERE listed.name = $1 AND listed.id ${beyond} $2 AND rows.expires > $3 ORDER BY listed.id ${order} LIMIT $4`

export const LIST = page('>', 'ASC')
export const LIST_NEWEST = page('<', 'DESC')

export const COMMIT = 'SELECT commit_writes($1, $2, $3, $4, $5) AS stood'

/** Rows that somebody writes at this moment are left to the next time. */
export const PURGE = `
WITH gone AS (
  DELETE FROM rows WHERE key = ANY (ARRAY(
    SELECT key FROM rows WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED
  )) RETURNING id, lists
), unlisted AS (
  DELETE FROM listed USING (SELECT id, unnest(lists) AS name FROM gone) AS place
  WHERE listed.name = place.name AND listed.id = place.id
)
SELECT count(*)::int AS purged FROM gone`

/** As autovacuum last saw it: to count is to read all of it. */
export const ROWS = `
SELECT greatest(reltuples, 0)::bigint AS estimate FROM pg_class WHERE oid = 'rows'::regclass`

/** A message to ourselves, and the server's time. Nothing is said where nothing can be written. */
export const BEAT = `
SELECT extract(epoch FROM clock_timestamp())::double precision * 1000 AS time,
  CASE WHEN current_setting('transaction_read_only') = 'off' THEN pg_notify($1, $2) END`
