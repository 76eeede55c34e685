-- Ends the video as cancelled, unless it has ended already.
--
-- KEYS   1 job
-- ARGV   1 TTL ms
-- Reply  committed | failed <json> | cancelled: how it ended, the first end stays
-- E.g.   KEYS {v}:job   ARGV 1296000000   ->   cancelled
local job = KEYS[1]
if redis.call('HSETNX', job, 'state', 'cancelled') == 1 then
  redis.call('HDEL', job, 'lease_until')
end
redis.call('PEXPIRE', job, ARGV[1])
local state, failure = unpack(redis.call('HMGET', job, 'state', 'failure'))
if state == 'failed' then return 'failed ' .. failure end
return state
