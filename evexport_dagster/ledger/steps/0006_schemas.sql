CREATE TABLE record_schema (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (export_id, hash)
);
ALTER TABLE delivery ADD COLUMN schema_hash TEXT;
