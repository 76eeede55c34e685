-- Removes the instance everywhere, on its clean exit.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring   5 places
-- ARGV   1 instance
-- Reply  in how many of the five it was
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring {f}:places
--        ARGV i-0a1   ->   3
local removed = redis.call('SREM', KEYS[4], ARGV[1]) + redis.call('HDEL', KEYS[5], ARGV[1])
for i = 1, 3 do removed = removed + redis.call('ZREM', KEYS[i], ARGV[1]) end
return removed
