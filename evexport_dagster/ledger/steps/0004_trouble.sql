CREATE TABLE trouble (
    export_id BIGINT NOT NULL PRIMARY KEY REFERENCES export (export_id),
    window_start BIGINT NOT NULL,
    kinds TEXT NOT NULL,
    access_since BIGINT,
    access_told INTEGER NOT NULL,
    access_told_at BIGINT
);
