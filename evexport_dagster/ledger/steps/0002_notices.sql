CREATE TABLE notice (
    position BIGINT NOT NULL PRIMARY KEY,
    notice_id TEXT NOT NULL UNIQUE,
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    window_start BIGINT,
    kind TEXT NOT NULL CHECK (kind IN ('started', 'completed', 'stopped', 'failed', 'recovered')),
    fact TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX notice_export ON notice (export_id, window_start, kind);

CREATE TABLE sending (
    position BIGINT NOT NULL REFERENCES notice (position),
    channel TEXT NOT NULL CHECK (channel IN ('webhook', 'email')),
    address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'refused')),
    attempts INTEGER NOT NULL,
    next_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (position, channel, address)
);

CREATE INDEX sending_line ON sending (state, channel, address, position);
