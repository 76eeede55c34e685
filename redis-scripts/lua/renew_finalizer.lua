-- Extends the finalizer's lease, as long as no newer token, newer plan or end exists. A lease that
-- ran out is renewed too where nobody has taken over. A primary that took over may not know of a
-- newer token, so a token is worth nothing in another history than its own.
--
-- KEYS   1 job
-- ARGV   1 generation   2 token   3 lease ms   4 TTL ms
-- Reply  held | lost
-- E.g.   KEYS {v}:job   ARGV 0 1790000000000000 30000 1296000000   ->   held
local job = KEYS[1]
local state, current, token, history = unpack(redis.call('HMGET', job, 'state', 'generation',
  'token', 'history'))
if state or current ~= ARGV[1] or token ~= ARGV[2] then return 'lost' end
local now_history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if history ~= now_history then return 'lost' end

local time = redis.call('TIME')
local lease_until = time[1] * 1000000 + time[2] + tonumber(ARGV[3]) * 1000
redis.call('HSET', job, 'lease_until', string.format('%.0f', lease_until))
redis.call('PEXPIRE', job, ARGV[4])
return 'held'
