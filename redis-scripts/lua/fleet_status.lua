-- Reads who is idle, condemned and retiring. Changes nothing.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring
-- Reply  { now ms, { idle, since, … }, { seen, at, … }, { condemned, at, … }, { retiring, … } }
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring
--        ->   { 1790000000000, { i-0a1, 1789999990000 }, { i-0a1, 1789999999000 }, {}, {} }
local time = redis.call('TIME')
local reply = { time[1] * 1000 + math.floor(time[2] / 1000) }
for i = 1, 3 do reply[i + 1] = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES') end
reply[5] = redis.call('SMEMBERS', KEYS[4])
return reply
