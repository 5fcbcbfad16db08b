/** `PCLS`: how we know a database for ours. */
export const APPLICATION = 0x50434c53

/** The one schema version. A newer store refuses an older program. */
export const VERSION = 1

/**
 * `rows.id` stays when a row is replaced: a place in the lists, and what a cursor counts. Ids are never given twice, so
 * that a gap among `events` tells of messages that were missed.
 */
export const SCHEMA = `
  BEGIN;
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
  CREATE TABLE rows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    expires REAL NOT NULL
  ) STRICT;
  CREATE INDEX rows_expires ON rows (expires);
  CREATE TABLE listed (
    name TEXT NOT NULL,
    id INTEGER NOT NULL REFERENCES rows (id) ON DELETE CASCADE,
    PRIMARY KEY (name, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX listed_id ON listed (id);
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL,
    at REAL NOT NULL
  ) STRICT;
  CREATE TABLE beats (
    process TEXT PRIMARY KEY,
    sent REAL NOT NULL,
    at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  COMMIT;
  PRAGMA journal_mode = WAL;
`
