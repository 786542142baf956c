-- Event properties as members of a JSON object, made as text: `concat` leaves out what is null,
-- so a property without a value is missing. Dice: h of the row, s of its session, d of its person;
-- us: the event's time in microseconds.

CREATE MACRO app_properties(h, s, d) AS concat(
  ',"CT Session Id":', big(s, 'session id'),
  ',"CT App Version":"', choose(d, 'app', ['5.12.3', '5.12.2', '5.11.0', '4.98.1']), '"',
  ',"CT SDK Version":', choose(d, 'sdk', [60200, 60102, 50404, 70001]),
  ',"CT OS Version":"', os_version(d), '"',
  CASE WHEN pick(s, 'located', 10) < 7 THEN concat(
    ',"CT Latitude":', choose(d, 'place', ['40.7', '21.3', '19.0', '-33.9']),
    fraction(h, 'lat', 5),
    ',"CT Longitude":', choose(d, 'place', ['-74.0', '-157.8', '72.8', '18.4']),
    fraction(h, 'lon', 5)
  ) END,
  CASE pick(h, 'carrier', 128)
    WHEN 0 THEN ',"CT Network Carrier":null'
    WHEN 1 THEN ',"CT Network Carrier":""'
    ELSE concat(',"CT Network Carrier":"', choose(d, 'carrier', [
      'T-Mobile', 'Verizon', 'AT&T', 'Telefónica', 'Jio', 'NTTドコモ'
    ]), '"')
  END,
  ',"CT Network Type":"', choose(s, 'network', ['WiFi', '5G', '4G', 'Unknown']), '"',
  ',"CT Connected To WiFi":', truth(s, 'wifi'),
  CASE pick(d, 'bluetooth', 2) WHEN 0 THEN concat(
    ',"CT Bluetooth Enabled":', truth(s, 'bluetooth')
  ) END
);

CREATE MACRO page_url(h) AS concat(
  'https://shop.example.com/', choose(h, 'section', ['p', 'c/café', 'sale', 'suche', '検索']),
  '/', pick(h, 'page', 90_000),
  CASE pick(h, 'terms', 6)
    WHEN 0 THEN '?q=\"red, white\"&sort=price,desc'
    WHEN 1 THEN '?utm_source=news&ref=it''s,here#top'
  END
);

CREATE MACRO referrer(h) AS CASE
  WHEN pick(h, 'referrer', 128) = 0 THEN ',"Referrer":null'
  WHEN pick(h, 'referrer', 128) < 8 THEN ',"Referrer":""'
  WHEN pick(h, 'referrer', 128) < 40 THEN concat(',"Referrer":"', page_url(hash(h, 'from')), '"')
END;

CREATE MACRO campaign_properties(h, us) AS concat(
  ',"Campaign id":', 1_760_000_000 + pick(h, 'campaign', 400) * 86_413,
  ',"Campaign name":"', choose(h, 'campaign name', [
    'Autumn sale – 50% off', 'Welcome, \"friend\"', 'Diwali दिवाली', 'Win-back, week 3',
    'Cart reminder', 'Été indien', 'New in: boots & coats', 'Weekly digest 🎉'
  ]), '"',
  ',"Campaign type":"', choose(h, 'campaign type', ['Push', 'Email', 'SMS', 'WhatsApp']), '"',
  CASE WHEN pick(h, 'labels', 3) > 0 THEN concat(
    ',"Campaign labels":', choose(h, 'label list', ['["retention"]', '["sale","vip"]', '[]'])
  ) END,
  CASE pick(h, 'journey', 3) WHEN 0 THEN concat(
    ',"Journey id":', 1 + pick(h, 'journey id', 300),
    ',"Journey name":"', choose(h, 'journey name', ['Onboarding', 'Rückgewinnung', '']), '"'
  ) END,
  ',"wzrk_id":"', 1_760_000_000 + pick(h, 'campaign', 400) * 86_413, '_',
  strftime(make_timestamp(us), '%Y%m%d'), '"',
  ',"wzrk_pivot":"', choose(h, 'pivot', ['wzrk_default', 'A', 'B']), '"',
  CASE pick(h, 'variant', 2) WHEN 0 THEN concat(
    ',"Variant":"', choose(h, 'variant name', ['Variant A', 'Variant B', 'Control']), '"'
  ) END
);

CREATE MACRO product_properties(h) AS concat(
  ',"Product id":', 10_000 + pick(h, 'product', 5000),
  ',"Product name":"', choose(h, 'product', [
    'Trail running shoes, blue', 'Café crème, 1 kg', 'T-shirt \"Naïve\"', '折りたたみ傘',
    'Кружка, 300 мл', 'Desk lamp 12\"', 'Olive oil 0,5 l', 'Mom’s “best” jeans'
  ]), '"',
  ',"Category":"', choose(h, 'category', ['Shoes', 'Food & Drink', 'Home/Living', 'Mode']), '"',
  CASE WHEN pick(h, 'brand', 10) > 1 THEN concat(
    ',"Brand":"', choose(h, 'brand', ['Acme', 'Löwe', 'O''Neil', 'Ōmi']), '"'
  ) END,
  ',"Price":', money(h, 'price'),
  ',"Currency":"', choose(h, 'currency', ['USD', 'USD', 'EUR', 'INR']), '"',
  CASE pick(h, 'discount', 3) WHEN 0 THEN concat(
    ',"Discount":0.', 1 + pick(h, 'discount rate', 9)
  ) END,
  ',"In stock":', truth(h, 'stock'),
  CASE WHEN pick(h, 'rating', 4) > 0 THEN concat(
    ',"Rating":', choose(h, 'rating', ['5', '4.5', '4', '3.5', '2'])
  ) END,
  ',"Tags":', choose(h, 'tags', ['["new"]', '["sale","été"]', '[]', '["a,b","c\"d"]']),
  ',"Url":"', page_url(h), '"',
  CASE WHEN pick(h, 'quantity', 4) > 0 THEN concat(
    ',"Quantity":', 1 + pick(h, 'quantity', 5)
  ) END
);

CREATE MACRO cart_item(h) AS concat(
  '{"sku":"SKU-', digits(h, 'sku', 5), '","quantity":', 1 + pick(h, 'item quantity', 3),
  ',"price":', money(h, 'item price'), '}'
);

CREATE MACRO charge_properties(h, us) AS concat(
  ',"Amount":', money(h, 'amount'),
  ',"Currency":"', choose(h, 'currency', ['USD', 'USD', 'EUR', 'INR']), '"',
  ',"Charged ID":', big(h, 'charged id'),
  ',"Payment mode":"', choose(h, 'payment', ['Credit card', 'UPI', 'PayPal', 'Überweisung']), '"',
  ',"Coupon":"', choose(h, 'coupon', ['', '', 'SAVE10', 'ÉTÉ-25']), '"',
  ',"Items":[', cart_item(h),
  CASE pick(h, 'items', 2) WHEN 0 THEN concat(',', cart_item(hash(h, 'item 2'))) END, ']',
  ',"Gift":', truth(h, 'gift'),
  ',"Delivery date":"', iso_date(us + (1 + pick(h, 'delivery', 6)) * 86_400_000_000), '"',
  ',"Shipping":{"city":"', choose(h, 'city', ['New York', 'São Paulo', 'मुंबई', 'Zürich']),
  '","zip":"', digits(h, 'zip', 5), '"}',
  CASE pick(h, 'rate', 8) WHEN 0 THEN concat(
    ',"Exchange rate":0.', digits(h, 'rate high', 12), digits(h, 'rate low', 9)
  ) END,
  ',"Note":"', choose(h, 'note', ['', 'Leave at the door\nThanks!', 'call \"Zoë\"', 'naïve; ok']), '"'
);

CREATE MACRO search_properties(h) AS concat(
  ',"Query":"', choose(h, 'query', [
    'running shoes', 'shoes, \"size 9\"', 'café crème', '自転車', '', 'ключи', '50% off', 'a\tb'
  ]), '"',
  ',"Results":', pick(h, 'results', 400),
  ',"Took":0.', fraction(h, 'took', 3),
  ',"Voice":', truth(h, 'voice'),
  CASE pick(h, 'filters', 4) WHEN 0 THEN concat(
    ',"Filters":{"brand":["Acme","Löwe"],"price":{"from":', pick(h, 'from', 50), ',"to":',
    money(h, 'to'), '}}'
  ) END,
  ',"Url":"', page_url(h), '"'
);

CREATE MACRO page_properties(h) AS concat(
  ',"Url":"', page_url(h), '"',
  ',"Title":"', choose(h, 'title', ['Home', 'Winter, at last', 'Größentabelle', '新着']), '"',
  ',"UTM source":"', choose(h, 'utm source', ['google', 'newsletter', '', 'instagram']), '"',
  CASE WHEN pick(h, 'medium', 3) > 0 THEN concat(
    ',"UTM medium":"', choose(h, 'utm medium', ['cpc', 'email', 'social']), '"'
  ) END,
  ',"Seconds":', money(h, 'seconds'),
  ',"Scrolled":0.', fraction(h, 'scrolled', 2)
);

CREATE MACRO signup_properties(h, us) AS concat(
  ',"Method":"', choose(h, 'method', ['Email', 'Google', 'Apple', 'SMS']), '"',
  ',"Terms accepted":true',
  ',"Referral code":"', choose(h, 'referral', ['', 'FRIEND-7', 'AMI-É']), '"',
  ',"Age":', 18 + pick(h, 'age', 60),
  ',"Signup date":"', iso_date(us), '"'
);

CREATE MACRO booking_properties(h, us) AS concat(
  ',"Place":"', choose(h, 'place', ['Café de Flore', 'Кофейня №1', 'Joe''s Diner']), '"',
  ',"Guests":', 1 + pick(h, 'guests', 8),
  ',"Date":"', iso_date(us + pick(h, 'ahead', 14) * 86_400_000_000), '"',
  ',"Deposit":', money(h, 'deposit'),
  ',"Terrace":', truth(h, 'terrace'),
  ',"Promo/code":"', choose(h, 'promo', ['', 'ЗИМА', 'HIVER']), '"'
);

CREATE MACRO journey_properties(h, us) AS concat(
  ',"Journey id":', 1 + pick(h, 'journey id', 300),
  ',"From":"', choose(h, 'from state', ['New', 'Active', 'Dormant', '']), '"',
  ',"To":"', choose(h, 'to state', ['Active', 'Loyal', 'Churned']), '"',
  ',"Score":', money(h, 'score'),
  ',"Entered at":"', strftime(make_timestamp(us), '%Y-%m-%dT%H:%M:%SZ'), '"'
);

CREATE MACRO event_properties(about, h, s, d, us) AS concat(
  '{"CT Source":"', CASE platform(d) WHEN 'Web' THEN 'Web' ELSE 'Mobile' END, '"',
  CASE WHEN about <> 'journey' THEN app_properties(h, s, d) END,
  CASE about
    WHEN 'campaign' THEN campaign_properties(h, us)
    WHEN 'product' THEN product_properties(h)
    WHEN 'session' THEN concat(',"Session Length":', money(h, 'length'))
    WHEN 'search' THEN search_properties(h)
    WHEN 'page' THEN page_properties(h)
    WHEN 'charge' THEN charge_properties(h, us)
    WHEN 'journey' THEN journey_properties(h, us)
    WHEN 'sign up' THEN signup_properties(h, us)
    WHEN 'booking' THEN booking_properties(h, us)
  END,
  referrer(h),
  '}'
);

CREATE MACRO device(d) AS concat(
  '{"platform":"', platform(d), '"',
  CASE platform(d)
    WHEN 'Android' THEN concat(
      ',"token":"', push_token(d), '"',
      ',"make":"', choose(d, 'make', ['Samsung', 'Google', 'Xiaomi', 'OnePlus']), '"',
      ',"model":"', choose(d, 'make', ['SM-S911B', 'Pixel 8', 'Redmi Note 12', 'Nord 3']), '"'
    )
    WHEN 'iOS' THEN concat(
      ',"token":"', md5(concat('apns', d)), '","make":"Apple"',
      ',"model":"', choose(d, 'model', ['iPhone15,2', 'iPhone14,5', 'iPad13,4']), '"'
    )
  END,
  ',"appVersion":"', choose(d, 'app', ['5.12.3', '5.12.2', '5.11.0', '4.98.1']), '"',
  ',"sdkVersion":"', choose(d, 'sdk', ['60200', '60102', '50404', '70001']), '"',
  ',"osVersion":"', os_version(d), '"',
  CASE platform(d)
    WHEN 'Web' THEN concat(
      ',"browser":"', choose(d, 'browser', ['Chrome', 'Firefox', 'Safari', 'Edge']), '"'
    )
    ELSE concat(
      ',"browser":"MobileApp","dpi":', choose(d, 'dpi', [420, 320, 480, 560]),
      ',"dimensions":{"unit":"mm","width":6', pick(d, 'width', 10), '.', 1 + pick(d, 'width', 9),
      ',"height":14', pick(d, 'height', 10), '}'
    )
  END,
  '}'
);
