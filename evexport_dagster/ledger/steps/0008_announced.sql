CREATE TABLE announced (
    export_id BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    event INTEGER NOT NULL,
    destination TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (export_id, window_start, event, destination, key),
    FOREIGN KEY (export_id, event) REFERENCES event (export_id, position)
);
