-- Reads who is idle, condemned and retiring, and where they are. Changes nothing.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring   5 places
-- Reply  { now ms, { idle, since, … }, { seen, at, … }, { condemned, at, … }, { retiring, … },
--          { place, … } }, a place for each of the idle, '' where it is unknown
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring {f}:places
--        ->   { 1790000000000, { i-0a1, 1789999990000 }, { i-0a1, 1789999999000 }, {}, {}, { us-east-1b/spot } }
local time = redis.call('TIME')
local reply = { time[1] * 1000 + math.floor(time[2] / 1000) }
for i = 1, 3 do reply[i + 1] = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES') end
reply[5] = redis.call('SMEMBERS', KEYS[4])
local idle, places = redis.call('ZRANGE', KEYS[1], 0, -1), {}
-- Many at once, but no more than Lua's stack holds.
for first = 1, #idle, 1000 do
  local last = math.min(first + 999, #idle)
  for _, place in ipairs(redis.call('HMGET', KEYS[5], unpack(idle, first, last))) do
    places[#places + 1] = place or ''
  end
end
reply[6] = places
return reply
