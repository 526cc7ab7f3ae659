-- Uid and name in small letters, for a search: SQLite's own lower() knows those of ASCII only. Null in rows from before; the server fills them
-- when it opens the database.
ALTER TABLE people ADD COLUMN searched TEXT;
