-- The canonical profiles: some without identity, e-mail, phone, name or preferences.
WITH person AS (
  SELECT number, person(number) AS d FROM range(getvariable('profiles')) AS profile(number)
), named AS (
  SELECT
    *,
    concat('user', number, choose(d, 'domain', ['@example.com', '@example.org'])) AS address,
    choose(d, 'first', [
      'Anna', 'Zoë', 'José', 'Søren', '太郎', 'प्रिया', 'Ольга', 'Aaliyah', 'Łukasz', 'Mary Jane'
    ]) AS first_name,
    choose(d, 'last', [
      'Smith', 'O''Neil', 'García', 'Müller', '山田', 'शर्मा', 'Иванова', 'Nguyễn', 'de la Cruz', 'Li'
    ]) AS last_name
  FROM person
)
SELECT
  profile_key(number) AS profile_id,
  CASE
    WHEN pick(d, 'identities', 30) = 0 THEN []
    WHEN pick(d, 'identities', 30) < 10 THEN [concat('U', 100_000 + number), address]
    ELSE [concat('U', 100_000 + number)]
  END AS identities,
  CASE pick(d, 'email', 20) WHEN 0 THEN '' WHEN 1 THEN NULL ELSE address END AS email,
  CASE pick(d, 'phone', 20)
    WHEN 0 THEN NULL
    WHEN 1 THEN ''
    WHEN 2 THEN concat('(808) 555-01', digits(d, 'phone digits', 2))
    WHEN 3 THEN concat('0170 55501', digits(d, 'phone digits', 2))
    ELSE concat('+1', 201 + pick(d, 'area', 700), '55501', digits(d, 'phone digits', 2))
  END AS phone,
  CASE WHEN pick(d, 'name', 25) > 0 THEN concat(first_name, ' ', last_name) END AS name,
  choose(d, 'gender', ['M', 'F', 'F', 'M', 'Other', NULL]) AS gender,
  CASE WHEN pick(d, 'dob', 4) > 0 THEN
    strftime(DATE '1950-01-01' + pick(d, 'born', 20_000)::INTEGER, '%Y-%m-%d')
  END AS dob,
  concat(
    '{"crm_id":"CRM-', lpad(number::VARCHAR, 8, '0'), '"',
    ',"tier":"', choose(d, 'tier', ['Bronze', 'Bronze', 'Silver', 'Gold']), '"',
    ',"ltv":', money(d, 'ltv'),
    CASE WHEN pick(d, 'city', 10) > 0 THEN concat(
      ',"city":"', choose(d, 'city', ['New York', 'Honolulu', 'São Paulo', 'मुंबई', 'Zürich']), '"'
    ) END,
    ',"newsletter":', truth(d, 'newsletter'),
    CASE pick(d, 'interests', 3) WHEN 0 THEN ',"interests":["shoes","café"]' END,
    '}'
  )::JSON AS properties,
  CASE WHEN pick(d, 'preferences', 20) > 0 THEN concat(
    '{"MSG-push":', truth(d, 'push'), ',"MSG-email":', truth(d, 'mail'),
    ',"MSG-sms":', truth(d, 'sms'), ',"MSG-whatsapp":', truth(d, 'whatsapp'),
    CASE pick(d, 'webpush', 2) WHEN 0 THEN concat(',"MSG-webpush":', truth(d, 'web')) END,
    CASE WHEN pick(d, 'groups', 4) > 0 THEN concat(
      ',"subscriptionGroups":{"product updates":"',
      choose(d, 'updates', ['Subscribed', 'Unsubscribed']),
      '","promotional":"', choose(d, 'promotional', ['Subscribed', 'Unsubscribed']), '"}'
    ) END,
    '}'
  ) END::JSON AS comm_prefs,
  instant(
    getvariable('starts') + pick(d, 'updated', (getvariable('ends') - getvariable('starts')) // 1000)
    * 1000
  ) AS updated_at,
  CASE WHEN platform(d) <> 'Web' AND pick(d, 'push token', 10) > 0 THEN push_token(d) END
    AS push_token
FROM named
