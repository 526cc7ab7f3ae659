-- Append-only: a migration that has been released is never changed, another one follows it.
-- Times are milliseconds since the epoch. `channel_key` is rules::Channel::key, `target` is rules::identity::TargetName::to_key.

CREATE TABLE people (
    uid           TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);

-- One token for each person and kind of device, as WuKongIM has it. The token itself is derived, never stored.
CREATE TABLE sessions (
    uid         TEXT NOT NULL REFERENCES people (uid),
    device_flag INTEGER NOT NULL,
    generation  BIGINT NOT NULL,
    token_hash  BLOB UNIQUE, -- null once logged out or expired
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (uid, device_flag)
);

CREATE TABLE chat_groups (
    group_id   TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE members (
    group_id  TEXT NOT NULL REFERENCES chat_groups (group_id),
    uid       TEXT NOT NULL REFERENCES people (uid),
    role      TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, uid)
);
CREATE INDEX members_by_uid ON members (uid);

CREATE TABLE channel_versions (
    channel_type INTEGER NOT NULL,
    channel_key  TEXT NOT NULL,
    version      BIGINT NOT NULL,
    PRIMARY KEY (channel_type, channel_key)
);

CREATE TABLE marks (
    channel_type  INTEGER NOT NULL,
    channel_key   TEXT NOT NULL,
    author        TEXT NOT NULL, -- empty for the system
    target        TEXT NOT NULL,
    client_msg_no TEXT NOT NULL,
    version       BIGINT NOT NULL,
    state         TEXT NOT NULL,
    operator      TEXT NOT NULL,
    capacity      TEXT NOT NULL,
    changed_at    BIGINT NOT NULL,
    deadline      BIGINT,
    PRIMARY KEY (channel_type, channel_key, author, target)
);
CREATE UNIQUE INDEX marks_by_version ON marks (channel_type, channel_key, version);
CREATE INDEX marks_by_target ON marks (channel_type, channel_key, target);

CREATE TABLE mark_copies (
    channel_type INTEGER NOT NULL,
    channel_key  TEXT NOT NULL,
    message_id   BIGINT NOT NULL,
    message_seq  BIGINT NOT NULL,
    author       TEXT NOT NULL,
    target       TEXT NOT NULL,
    PRIMARY KEY (channel_type, channel_key, message_id)
);
CREATE INDEX mark_copies_by_target ON mark_copies (channel_type, channel_key, author, target);

-- The content of marked messages, encrypted. Rows go physically when `delete_at` has passed; null keeps them.
CREATE TABLE sealed (
    channel_type INTEGER NOT NULL,
    channel_key  TEXT NOT NULL,
    author       TEXT NOT NULL,
    target       TEXT NOT NULL,
    content      BLOB NOT NULL,
    delete_at    BIGINT,
    PRIMARY KEY (channel_type, channel_key, author, target)
);
CREATE INDEX sealed_by_deadline ON sealed (delete_at);

-- Who did what, when, by which road, and what was refused.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           BIGINT NOT NULL,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    road         TEXT NOT NULL,
    channel_type INTEGER NOT NULL,
    channel_key  TEXT NOT NULL,
    author       TEXT NOT NULL,
    target       TEXT NOT NULL,
    version      BIGINT,
    outcome      TEXT NOT NULL
);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What WuKongIM still has to be told. Written in the transaction that makes it due, so a crash loses none. Within a lane in order.
CREATE TABLE errands (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    lane     TEXT NOT NULL,
    body     TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at  BIGINT NOT NULL
);
CREATE INDEX errands_by_lane ON errands (lane, id);
