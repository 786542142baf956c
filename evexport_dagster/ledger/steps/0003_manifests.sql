CREATE TABLE manifest (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    window_start BIGINT NOT NULL,
    destination TEXT NOT NULL,
    key TEXT NOT NULL,
    outdated BOOLEAN NOT NULL,
    PRIMARY KEY (export_id, window_start)
);

CREATE INDEX manifest_outdated ON manifest (export_id, outdated);
