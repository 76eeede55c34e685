-- Brings a condemned instance back to idle, once its last offer is old enough that Auto Scaling
-- cannot act on it any more. A retiring mark is lifted too, so the instance works again.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring   5 history
-- ARGV   1 instance   2 condemned for at least ms   3 TTL ms
-- Reply  idle | not_condemned | condemned <ms left>
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring {f}:history
--        ARGV i-0a1 300000 172800000   ->   idle
local idle, seen, condemned, retiring, history = unpack(KEYS)
local instance, least, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if redis.call('HGET', history, 'id') ~= id then
  redis.call('HSET', history, 'id', id, 'since', now)
end
redis.call('PEXPIRE', history, ttl)

local at = tonumber(redis.call('ZSCORE', condemned, instance) or nil)
if at and now - at < least then
  return 'condemned ' .. least - (now - at)
end
redis.call('SREM', retiring, instance)
redis.call('ZADD', seen, now, instance)
local reply = 'not_condemned'
if at then
  redis.call('ZREM', condemned, instance)
  redis.call('ZADD', idle, now, instance)
  reply = 'idle'
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
return reply
