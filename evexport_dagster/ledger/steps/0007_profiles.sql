CREATE TABLE known_profiles (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    number INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (export_id, number, chunk)
);
