-- Who has written to whom, as far as one of them was seen reading it. WuKongIM forgets person conversations that it never listed
-- (the first message under a whitelist, everything younger than a minute when a node dies); the messages it keeps.

CREATE TABLE pairs (
    uid  TEXT NOT NULL REFERENCES people (uid),
    peer TEXT NOT NULL REFERENCES people (uid),
    PRIMARY KEY (uid, peer)
);
