-- Rebuilds the countdown from the results that S3 holds, where Redis has lost the job or may have
-- lost part of it. Results that are still there win. The list may be older than the loss, so after
-- "restored" the caller lists and calls again, until "exists": what that list adds is all there is.
--
-- KEYS   1 job   2 results of this generation
-- ARGV   1 generation   2 segments   3 TTL ms   then, for each result: segment result frames bytes
-- Reply  restored <left> | exists | superseded <generation> | committed | failed <json> | cancelled
-- E.g.   KEYS {v}:job {v}:results:0   ARGV 0 3 1296000000  0 a1 120 900000  2 b7 120 900000
--        ->   restored 1
local job, results = KEYS[1], KEYS[2]
local generation, segments, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local state, failure, current, done, known = unpack(redis.call('HMGET', job, 'state', 'failure',
  'generation', 'done', 'history'))
if state == 'failed' then return 'failed ' .. failure end
if state then return state end
current = tonumber(current or -1)
if current > generation then return 'superseded ' .. current end
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
local counted = current == generation and tonumber(done) == redis.call('HLEN', results)
local whole = counted and known == history
for i = 4, #ARGV, 4 do
  if tonumber(ARGV[i]) >= segments then
    return redis.error_reply('ERR segment ' .. ARGV[i] .. ' of ' .. segments)
  end
end

if not counted then
  redis.call('DEL', results)
  redis.call('HSET', job, 'generation', generation, 'segments', segments,
    'done', 0, 'frames', 0, 'bytes', 0)
end
-- Whoever finalizes now does so under a token of before; the next one comes from the clock.
if not whole then
  redis.call('HDEL', job, 'token', 'lease_until')
  redis.call('HSET', job, 'history', history)
end
for i = 4, #ARGV, 4 do
  if redis.call('HSETNX', results, ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('HINCRBY', job, 'done', 1)
    redis.call('HINCRBY', job, 'frames', ARGV[i + 2])
    redis.call('HINCRBY', job, 'bytes', ARGV[i + 3])
  end
end
redis.call('PEXPIRE', job, ttl)
redis.call('PEXPIRE', results, ttl)
if whole then return 'exists' end
return 'restored ' .. segments - redis.call('HLEN', results)
