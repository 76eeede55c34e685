-- Reads whom the guard may choose from: who is idle, condemned and retiring. Changes nothing.
--
-- With thousands of instances the guard's time goes into what Redis prints and the guard parses, so
-- this gives no times and as few values as can be.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring   5 places
-- ARGV   1 seen within ms
-- Reply  { idle, condemned, retiring }, each longest first, with a line for each of the idle:
--        id, 1 if seen within that time and 0 if not, and place, '' where it is unknown
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring {f}:places   ARGV 45000
--        ->   { 'i-0a1 1 us-east-1b/spot', { i-0b2 }, {} }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lately = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], now - ARGV[1], '+inf', 'BYSCORE')) do
  lately[id] = ' 1 '
end
local idle, lines = redis.call('ZRANGE', KEYS[1], 0, -1), {}
-- Many places at once, but no more than Lua's stack holds.
for first = 1, #idle, 1000 do
  local last = math.min(first + 999, #idle)
  for i, place in ipairs(redis.call('HMGET', KEYS[5], unpack(idle, first, last))) do
    local id = idle[first + i - 1]
    lines[#lines + 1] = id .. (lately[id] or ' 0 ') .. (place or '')
  end
end
return { table.concat(lines, '\n'), redis.call('ZRANGE', KEYS[3], 0, -1), redis.call('SMEMBERS', KEYS[4]) }
