-- Adds the instance to the idle ones (the KillMe set) unless it is condemned, and notes that it
-- was seen. It stays idle since its first report.
--
-- KEYS   1 idle   2 seen   3 condemned   4 history   5 places
-- ARGV   1 instance   2 TTL ms   3 its zone and market, or nothing
-- Reply  idle | condemned
-- E.g.   KEYS {f}:idle {f}:seen {f}:condemned {f}:history {f}:places
--        ARGV i-0a1 172800000 us-east-1b/spot   ->   idle
local idle, seen, condemned, history = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local instance, ttl = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Since when Redis has forgotten nothing; see begin_task.
local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if redis.call('HGET', history, 'id') ~= id then
  redis.call('HSET', history, 'id', id, 'since', now)
end

redis.call('ZADD', seen, now, instance)
if ARGV[3] ~= '' then redis.call('HSET', KEYS[5], instance, ARGV[3]) end
local reply = 'condemned'
if not redis.call('ZSCORE', condemned, instance) then
  redis.call('ZADD', idle, 'NX', now, instance)
  reply = 'idle'
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
return reply
