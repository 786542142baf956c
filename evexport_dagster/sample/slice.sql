-- The rows `low` <= i < `high`, in time order give or take half a minute, with their dice.
-- A session is one of the few that are open in its quarter of an hour, eight events on average.
CREATE OR REPLACE TEMP TABLE slice AS
WITH placed AS (
  SELECT
    starts, ends, first_row, next_row,
    unnest(range(
      greatest(first_row, getvariable('low')), least(next_row, getvariable('high'))
    )) AS i
  FROM (
    FROM hour_slot
    WHERE first_row < getvariable('high') AND next_row > getvariable('low')
    ORDER BY starts
  )
), timed AS (
  SELECT
    i,
    hash(getvariable('seed'), i) AS h,
    starts + (i - first_row) * (ends - starts) // (next_row - first_row) AS even,
    starts,
    ends
  FROM placed
), dated AS (
  SELECT
    i,
    h,
    greatest(starts, least(
      ends - 1000, even // 1000 * 1000 + (pick(h, 'jitter', 60_000) - 30_000) * 1000
    )) AS us,
    hash(
      getvariable('seed'), 'session', i // getvariable('block'),
      pick(h, 'session', 1 + getvariable('block') // 8)
    ) AS s
  FROM timed
), met AS (
  SELECT *, CASE pick(s, 'stranger', 50)
    WHEN 0 THEN getvariable('profiles') + pick(s, 'who', getvariable('profiles'))
    ELSE floor(getvariable('profiles') * (pick(s, 'who', 1_000_000_007) / 1_000_000_007) ** 2)
  END::BIGINT AS number
  FROM dated
)
SELECT
  i, h, s, us, number, person(number) AS d,
  getvariable('zipf')[1 + pick(h, 'event', len(getvariable('zipf')))] AS kind
FROM met;
