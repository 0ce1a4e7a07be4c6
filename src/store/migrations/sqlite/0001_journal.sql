-- Everything that is still to be decided, and the keys of what was.
CREATE TABLE inbox (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival; never used twice
    kind     TEXT   NOT NULL,                   -- delivery | outcome | order
    key      TEXT   NOT NULL,
    lane     TEXT   NOT NULL,
    event    TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    facts    TEXT   NOT NULL,                   -- JSON
    received BIGINT NOT NULL,                   -- milliseconds since 1970
    size     BIGINT NOT NULL,                   -- of the body before packing
    body     BLOB   NOT NULL,                   -- lz4 where shorter than `size`
    state    TEXT   NOT NULL,                   -- pending | done | aside
    failures BIGINT NOT NULL,
    note     TEXT,                              -- why it is done or aside, or its latest failure
    UNIQUE (kind, key)
);
CREATE INDEX inbox_pending ON inbox (seq) WHERE state = 'pending';
CREATE INDEX inbox_aside ON inbox (seq) WHERE state = 'aside';
-- What can be forgotten one day; what is accepted is not in it, so that accepting does not write it.
CREATE INDEX inbox_kept ON inbox (received) WHERE state = 'done' AND (size > 0 OR facts <> '{}');

-- What is known about a run without reading its log.
CREATE TABLE runs (
    run             TEXT   PRIMARY KEY,
    repository      BIGINT NOT NULL,            -- 0 for a local run
    repository_name TEXT   NOT NULL,
    issue           BIGINT,                     -- NULL for a local run
    pull            BIGINT,
    title           TEXT   NOT NULL,
    workflow        TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    active          BIGINT NOT NULL,            -- 1: holds its issue
    ended           BIGINT NOT NULL,
    len             BIGINT NOT NULL,            -- number of events
    next_wake       BIGINT,
    has_work        BIGINT NOT NULL,
    created         BIGINT NOT NULL,
    updated         BIGINT NOT NULL,
    cost            BIGINT                      -- millionths of a US dollar; NULL: unknown
);
CREATE UNIQUE INDEX runs_active ON runs (repository, issue) WHERE active = 1;
CREATE INDEX runs_issue ON runs (repository, issue);
CREATE INDEX runs_pull ON runs (repository, pull) WHERE pull IS NOT NULL;
CREATE INDEX runs_work ON runs (run) WHERE has_work = 1;
CREATE INDEX runs_wake ON runs (next_wake) WHERE next_wake IS NOT NULL;

-- The log.
CREATE TABLE events (
    run   TEXT   NOT NULL REFERENCES runs (run),
    n     BIGINT NOT NULL,                      -- from 0
    event TEXT   NOT NULL,                      -- JSON
    at    BIGINT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

-- Contents by their address.
CREATE TABLE contents (
    hash    TEXT   PRIMARY KEY,                 -- SHA-256, 64 hexadecimal digits
    size    BIGINT NOT NULL,
    body    BLOB   NOT NULL,
    touched BIGINT NOT NULL                     -- when it was last put
);
