-- Ends the video as committed. Only the highest token of the newest plan may, and only once.
--
-- KEYS   1 job
-- ARGV   1 generation   2 token   3 TTL ms
-- Reply  committed | lost | already
-- E.g.   KEYS {v}:job   ARGV 0 1790000000000000 1296000000   ->   committed
local job = KEYS[1]
local state, current, token = unpack(redis.call('HMGET', job, 'state', 'generation', 'token'))
if state == 'committed' then return 'already' end
if state or current ~= ARGV[1] or token ~= ARGV[2] then return 'lost' end

redis.call('HSET', job, 'state', 'committed')
redis.call('HDEL', job, 'lease_until')
redis.call('PEXPIRE', job, ARGV[3])
return 'committed'
