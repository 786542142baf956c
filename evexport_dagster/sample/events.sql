-- The slice as canonical events; the casts to JSON prove the text made by properties.sql.
SELECT
  concat('e', lpad(i::VARCHAR, 12, '0')) AS event_id,
  getvariable('event_names')[kind] AS event_name,
  instant(us) AS event_time,
  profile_key(number) AS profile_id,
  CASE WHEN pick(h, 'device', 50) > 0 THEN device(d) END::JSON AS device,
  event_properties(getvariable('event_about')[kind], h, s, d, us)::JSON AS event_props,
  pick(d, 'instance', getvariable('instances'))::INTEGER AS instance_id,
  -- Seconds on the way; one in two hundred was offline for hours. No row arrives after the range.
  instant(least(getvariable('ends'), us + CASE pick(h, 'late', 200)
    WHEN 0 THEN 3_600_000_000 + pick(h, 'delay', 126_000) * 1_000_000
    ELSE 200_000 + pick(h, 'delay', 60_000) * 1_000
  END)) AS arrived_at
FROM slice
