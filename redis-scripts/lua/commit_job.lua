-- Ends the video as committed. Only the highest token of the newest plan may, and only once; and
-- no token of another history, as in renew_finalizer.
--
-- KEYS   1 job
-- ARGV   1 generation   2 token   3 TTL ms
-- Reply  committed | lost | already
-- E.g.   KEYS {v}:job   ARGV 0 1790000000000000 1296000000   ->   committed
local job = KEYS[1]
local state, current, token, history = unpack(redis.call('HMGET', job, 'state', 'generation',
  'token', 'history'))
if state == 'committed' then return 'already' end
if state or current ~= ARGV[1] or token ~= ARGV[2] then return 'lost' end
local now_history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if history ~= now_history then return 'lost' end

redis.call('HSET', job, 'state', 'committed')
redis.call('HDEL', job, 'lease_until')
redis.call('PEXPIRE', job, ARGV[3])
return 'committed'
