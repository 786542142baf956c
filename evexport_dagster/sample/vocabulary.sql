-- The words and the dice that events.sql and profiles.sql share.
-- Every value is drawn from hash(seed, row, salt): no state, so any slice can be made alone.
-- `getvariable` reads what lake.py has set: seed, zone, events, profiles, instances; starts and ends
-- of the range in microseconds; block, the events of a quarter of an hour; low and high of a slice.

CREATE MACRO pick(h, salt, k) AS (hash(h, salt) % k::UBIGINT)::BIGINT;
CREATE MACRO choose(h, salt, words) AS words[1 + pick(h, salt, len(words))];
CREATE MACRO digits(h, salt, n) AS lpad(pick(h, salt, 10 ** n)::VARCHAR, n, '0');
CREATE MACRO fraction(h, salt, n) AS concat(digits(h, salt, n - 1), 1 + pick(h, salt || ' end', 9));
CREATE MACRO big(h, salt) AS (hash(h, salt) // 2::UBIGINT)::BIGINT;
CREATE MACRO truth(h, salt) AS CASE pick(h, salt, 2) WHEN 0 THEN 'false' ELSE 'true' END;
CREATE MACRO instant(us) AS make_timestamptz(us);
CREATE MACRO iso_date(us) AS strftime(make_timestamp(us), '%Y-%m-%d');

-- One property is an integer in one row and a decimal in the next: 59, 59.9, 59.90.
CREATE MACRO money(h, salt) AS CASE pick(h, salt || ' digits', 4)
  WHEN 0 THEN (1 + pick(h, salt, 300))::VARCHAR
  WHEN 1 THEN concat(1 + pick(h, salt, 300), '.', pick(h, salt || ' cents', 10))
  ELSE concat(1 + pick(h, salt, 300), '.', digits(h, salt || ' cents', 2))
END;

-- Numbers from `profiles` up belong to people that the profile table does not have.
CREATE MACRO profile_key(number) AS concat('__', md5(concat(getvariable('seed'), ':', number)));
CREATE MACRO person(number) AS hash(getvariable('seed'), 'person', number);
CREATE MACRO platform(d) AS CASE
  WHEN pick(d, 'platform', 20) < 11 THEN 'Android'
  WHEN pick(d, 'platform', 20) < 17 THEN 'iOS'
  ELSE 'Web'
END;
CREATE MACRO os_version(d) AS CASE platform(d)
  WHEN 'iOS' THEN choose(d, 'ios', ['17.4.1', '16.7', '18.0'])
  ELSE choose(d, 'os', ['14', '15', '13'])
END;
CREATE MACRO push_token(d) AS concat(md5(concat('token', d)), ':APA91b', md5(concat('push', d)));

-- What an event is about decides which properties it has; its place decides how often it happens.
CREATE TABLE event_kind AS
SELECT row_number() OVER () AS rank, name, about
FROM (VALUES
  ('App Launched', 'app'),
  ('Notification Sent', 'campaign'),
  ('Product Viewed', 'product'),
  ('Notification Viewed', 'campaign'),
  ('Session Concluded', 'session'),
  ('Push Impressions', 'campaign'),
  ('Search', 'search'),
  ('Added To Cart', 'product'),
  ('Notification Clicked', 'campaign'),
  ('Category Viewed', 'page'),
  ('Charged', 'charge'),
  ('State Transitioned', 'journey'),
  ('UTM Visited', 'page'),
  ('App Installed', 'app'),
  ('Webhook Delivered', 'campaign'),
  ('Added To Wishlist', 'product'),
  ('Video/Trailer Played', 'page'),
  ('Sign Up', 'sign up'),
  ('Café Reservé', 'booking'),
  ('GeoCluster Entered', 'journey'),
  ('GeoCluster Exited', 'journey'),
  ('App Uninstalled', 'app'),
  ('Channel Unsubscribed', 'campaign'),
  ('App Version Changed', 'app'),
  ('Reply Sent', 'campaign'),
  ('Notification Replied', 'campaign'),
  ('商品レビュー', 'product'),
  ('A/B Experiment Rendered', 'journey'),
  ('System Control Group', 'journey'),
  ('Купон применён', 'booking')
) AS kind(name, about);
SET VARIABLE event_names = (SELECT list(name ORDER BY rank) FROM event_kind);
SET VARIABLE event_about = (SELECT list(about ORDER BY rank) FROM event_kind);

-- Zipf's law as a die of 4096 faces: the event of rank r has a share of 1/r.
SET VARIABLE zipf = (
  SELECT list(rank ORDER BY rank)
  FROM (
    SELECT rank, unnest(range(round(4096 / rank / (SELECT sum(1 / rank) FROM event_kind))::BIGINT))
    FROM event_kind
  )
);

-- Every real hour of the range, odd ones of a clock change included, weighed by its local hour.
CREATE TABLE hour_slot AS
WITH hour AS (
  SELECT
    epoch_us(starts) AS starts,
    least(epoch_us(starts) + 3_600_000_000, getvariable('ends')) AS ends,
    [3, 2, 2, 2, 3, 5, 9, 14, 18, 20, 21, 23, 26, 24, 21, 20, 21, 24, 29, 33, 34, 28, 16, 7][
      1 + hour(starts AT TIME ZONE getvariable('zone'))
    ] AS weight
  FROM range(
    instant(getvariable('starts')), instant(getvariable('ends')), INTERVAL 1 HOUR
  ) AS slot(starts)
), placed AS (
  SELECT *, round(
    getvariable('events') * sum(weight) OVER (ORDER BY starts) / sum(weight) OVER ()
  )::BIGINT AS next_row
  FROM hour
)
SELECT starts, ends, coalesce(lag(next_row) OVER (ORDER BY starts), 0) AS first_row, next_row
FROM placed;
