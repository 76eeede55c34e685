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
reply[6] = {}
for i = 1, #reply[2], 2 do
  reply[6][#reply[6] + 1] = redis.call('HGET', KEYS[5], reply[2][i]) or ''
end
return reply
