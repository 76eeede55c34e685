-- Condemns those of the given instances that are still idle and were seen lately, and confirms
-- those condemned before: their time starts again, so that no reprieve can cross this offer.
-- An instance not seen since Redis may have lost data may be at work, and is left out.
--
-- KEYS   1 idle   2 seen   3 condemned   4 retiring   5 history   6 places
-- ARGV   1 seen within ms   2 TTL ms   then the instances
-- Reply  the instances that may be named to Auto Scaling
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:retiring {f}:history {f}:places
--        ARGV 45000 172800000 i-0a1 i-0b2   ->   { i-0a1 }
local idle, seen, condemned, retiring, history, places = unpack(KEYS)
local within, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if redis.call('HGET', history, 'id') ~= id then
  redis.call('HSET', history, 'id', id, 'since', now)
end
local since = tonumber(redis.call('HGET', history, 'since'))

for _, gone in ipairs(redis.call('ZRANGE', seen, '-inf', now - ttl, 'BYSCORE')) do
  for _, key in ipairs({ idle, seen, condemned }) do redis.call('ZREM', key, gone) end
  redis.call('SREM', retiring, gone)
  redis.call('HDEL', places, gone)
end

local offered = {}
for i = 3, #ARGV do
  local instance = ARGV[i]
  local at = tonumber(redis.call('ZSCORE', seen, instance) or -1)
  local named = false
  if at >= since then
    if redis.call('ZSCORE', condemned, instance) then
      named = true
    elseif now - at <= within then
      named = redis.call('ZREM', idle, instance) == 1
    end
  end
  if named then
    redis.call('ZADD', condemned, now, instance)
    offered[#offered + 1] = instance
  end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
return offered
