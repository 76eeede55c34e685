-- Records the first result for a segment; later ones are ignored. When all are there and no live
-- finalizer lease exists, the caller becomes finalizer under a new, higher fencing token.
--
-- KEYS   1 job   2 results of this generation
-- ARGV   1 generation   2 segment   3 result   4 frames   5 bytes   6 lease ms   7 TTL ms
-- Reply  waiting <left> <frames> <bytes>          others are missing
--        waiting 0 <frames> <bytes> <lease ms>    none is missing, and another one finalizes
--        finalize <token> <frames> <bytes>
--        committed | failed <json> | cancelled | superseded <generation> | unknown
-- E.g.   KEYS {v}:job {v}:results:0   ARGV 0 3 a1 120 900000 30000 1296000000
--        ->   waiting 1 360 2700000
local job, results = KEYS[1], KEYS[2]
local generation, segment, result = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local frames, bytes, lease, ttl = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]

local state, failure, current, segments, done, history, token, lease_until = unpack(redis.call(
  'HMGET', job, 'state', 'failure', 'generation', 'segments', 'done', 'history', 'token',
  'lease_until'))
if state == 'failed' then return 'failed ' .. failure end
if state then return state end
current = tonumber(current or -1)
if current > generation then return 'superseded ' .. current end
if current < generation then return 'unknown' end
if segment >= tonumber(segments) then
  return redis.error_reply('ERR segment ' .. segment .. ' of ' .. segments)
end
-- A primary that took over may have lost the last second of writes, and an eviction may have taken
-- the results alone. Either way the count cannot be trusted, and S3 knows better.
local now_history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
if history ~= now_history or tonumber(done) ~= redis.call('HLEN', results) then return 'unknown' end

if redis.call('HSETNX', results, segment, result) == 1 then
  done = redis.call('HINCRBY', job, 'done', 1)
  redis.call('HINCRBY', job, 'frames', frames)
  redis.call('HINCRBY', job, 'bytes', bytes)
end
local sums = table.concat(redis.call('HMGET', job, 'frames', 'bytes'), ' ')
redis.call('PEXPIRE', job, ttl)
redis.call('PEXPIRE', results, ttl)
local left = tonumber(segments) - tonumber(done)
if left > 0 then return 'waiting ' .. left .. ' ' .. sums end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
lease_until = tonumber(lease_until or 0)
if lease_until > now then
  return 'waiting 0 ' .. sums .. ' ' .. math.ceil((lease_until - now) / 1000)
end
-- The clock keeps tokens growing where Redis has forgotten the last one.
token = string.format('%.0f', math.max(now, tonumber(token or 0) + 1))
redis.call('HSET', job, 'token', token, 'lease_until', string.format('%.0f', now + lease * 1000))
return 'finalize ' .. token .. ' ' .. sums
