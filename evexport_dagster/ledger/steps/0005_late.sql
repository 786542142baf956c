CREATE TABLE late (
    export_id BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    event INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    noticed_at BIGINT NOT NULL,
    reopens BOOLEAN NOT NULL,
    PRIMARY KEY (export_id, window_start, event),
    FOREIGN KEY (export_id, event) REFERENCES event (export_id, position)
);
