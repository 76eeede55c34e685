-- Ends the video as failed, with its reason, unless it has ended already.
--
-- KEYS   1 job
-- ARGV   1 failure as JSON   2 TTL ms
-- Reply  committed | failed <json> | cancelled: how it ended, the first end stays
-- E.g.   KEYS {v}:job   ARGV {"reason":"poison","detail":"…"} 1296000000   ->   failed {"reason":…
local job = KEYS[1]
if redis.call('HSETNX', job, 'state', 'failed') == 1 then
  redis.call('HSET', job, 'failure', ARGV[1])
  redis.call('HDEL', job, 'lease_until')
end
redis.call('PEXPIRE', job, ARGV[2])
local state, failure = unpack(redis.call('HMGET', job, 'state', 'failure'))
if state == 'failed' then return 'failed ' .. failure end
return state
