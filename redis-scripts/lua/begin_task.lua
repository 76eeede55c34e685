-- Lets the instance take a task: it leaves idle, and the task's attempt is counted. Refused when
-- the instance is condemned or retiring.
--
-- Also refused for a short while after Redis lost data, or may have: the guard may just have named
-- this instance on the strength of what was lost. An instance that first reported idle after the
-- loss cannot have been named.
--
-- It is no sighting: with another of its tasks still running, it proves nothing about being idle.
--
-- KEYS   1 idle   2 condemned   3 retiring   4 history   5 attempts of the task
-- ARGV   1 instance   2 receipt   3 ms since the instance's first idle report, -1 for never
--        4 ms to settle after a loss   5 TTL ms   6 TTL ms of the attempts
-- Reply  granted <attempt> | condemned | retiring | unsettled <ms>
-- E.g.   KEYS {f}:idle {f}:condemned {f}:retiring {f}:history {f}:attempts:v#0.3
--        ARGV i-0a1 r7 60000 10000 172800000 1296000000   ->   granted 1
local idle, condemned, retiring, history, attempts = unpack(KEYS)
local instance, receipt, first_idle, settle = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if redis.call('HGET', history, 'id') ~= id then
  redis.call('HSET', history, 'id', id, 'since', now)
end
local since = tonumber(redis.call('HGET', history, 'since'))

local reply
if redis.call('ZSCORE', condemned, instance) then
  reply = 'condemned'
elseif redis.call('SISMEMBER', retiring, instance) == 1 then
  reply = 'retiring'
elseif first_idle >= 0 and now - first_idle < since and now < since + settle then
  reply = 'unsettled ' .. since + settle - now
else
  redis.call('ZREM', idle, instance)
  redis.call('SADD', attempts, receipt)
  redis.call('PEXPIRE', attempts, ARGV[6])
  reply = 'granted ' .. redis.call('SCARD', attempts)
end
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[5]) end
return reply
