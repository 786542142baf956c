CREATE TABLE export (
    export_id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL CHECK (type IN ('events', 'profiles')),
    kind TEXT NOT NULL CHECK (kind IN ('recurring', 'one_time', 'history')),
    state TEXT NOT NULL CHECK (state IN ('active', 'stopped', 'done')),
    state_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE revision (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    number INTEGER NOT NULL,
    meaning TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (export_id, number)
);

CREATE TABLE event (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    segment TEXT NOT NULL,
    first_window BIGINT,
    first_seen_at BIGINT NOT NULL,
    columns_at_creation INTEGER NOT NULL,
    PRIMARY KEY (export_id, position),
    UNIQUE (export_id, digest)
);

CREATE UNIQUE INDEX event_segment ON event (export_id, lower(segment));

CREATE TABLE "column" (
    export_id BIGINT NOT NULL,
    event INTEGER NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (export_id, event, position),
    UNIQUE (export_id, event, digest),
    FOREIGN KEY (export_id, event) REFERENCES event (export_id, position)
);

CREATE TABLE attempt (
    export_id BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    event INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    column_version INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    PRIMARY KEY (export_id, window_start, event),
    FOREIGN KEY (export_id, event) REFERENCES event (export_id, position),
    FOREIGN KEY (export_id, revision) REFERENCES revision (export_id, number)
);

CREATE TABLE delivery (
    export_id BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    event INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    column_version INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    source_rows BIGINT NOT NULL,
    first_event_time BIGINT,
    last_event_time BIGINT,
    watermark BIGINT,
    oddities TEXT NOT NULL,
    run_id TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    displayed BOOLEAN NOT NULL,
    PRIMARY KEY (export_id, window_start, event),
    FOREIGN KEY (export_id, event) REFERENCES event (export_id, position),
    FOREIGN KEY (export_id, revision) REFERENCES revision (export_id, number)
);

CREATE INDEX delivery_displayed ON delivery (export_id, displayed);

CREATE TABLE file (
    destination TEXT NOT NULL,
    key TEXT NOT NULL,
    export_id BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    event INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    file_index INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    stale BOOLEAN NOT NULL,
    PRIMARY KEY (destination, key),
    FOREIGN KEY (export_id, window_start, event)
        REFERENCES delivery (export_id, window_start, event)
);

CREATE INDEX file_delivery ON file (export_id, window_start, event);

CREATE INDEX file_stale ON file (export_id, stale);

CREATE TABLE lease (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    window_start BIGINT NOT NULL,
    holder TEXT NOT NULL,
    acquired_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    PRIMARY KEY (export_id, window_start)
);

CREATE TABLE failure (
    export_id BIGINT NOT NULL REFERENCES export (export_id),
    window_start BIGINT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    count INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (export_id, window_start, kind)
);
