-- Creates the countdown for an immutable plan of N segments. A second call changes nothing; a
-- higher generation replaces the one before, and takes the lease from its finalizer.
--
-- KEYS   1 job   2 results of this generation
-- ARGV   1 generation   2 segments   3 TTL ms
-- Reply  opened | exists | superseded <generation> | committed | failed <json> | cancelled
-- E.g.   KEYS {v}:job {v}:results:0   ARGV 0 4 1296000000   ->   opened
local job, results = KEYS[1], KEYS[2]
local generation, segments, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local state, failure, current = unpack(redis.call('HMGET', job, 'state', 'failure', 'generation'))
if state == 'failed' then return 'failed ' .. failure end
if state then return state end
current = tonumber(current or -1)
if current > generation then return 'superseded ' .. current end
if current == generation then
  redis.call('PEXPIRE', job, ttl)
  redis.call('PEXPIRE', results, ttl)
  return 'exists'
end

-- Writes are trusted only as long as Redis' own history is the one they were made in.
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
redis.call('DEL', results)
redis.call('HDEL', job, 'lease_until')
redis.call('HSET', job, 'generation', generation, 'segments', segments, 'history', history,
  'done', 0, 'frames', 0, 'bytes', 0)
redis.call('PEXPIRE', job, ttl)
return 'opened'
