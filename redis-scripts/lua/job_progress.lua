-- Reads how far the video's newest plan is. Changes nothing.
--
-- KEYS   1 job
-- Reply  { generation, segments, done, frames, bytes, finalizing 0|1, end }, or nil where unknown;
--        end is committed | failed <json> | cancelled | nothing
-- E.g.   KEYS {v}:job   ->   { 0, 4, 2, 240, 1800000, 0, '' }
local job = KEYS[1]
if redis.call('EXISTS', job) == 0 then return false end
local found = redis.call('HMGET', job, 'generation', 'segments', 'done', 'frames', 'bytes',
  'lease_until', 'state', 'failure')
local reply = {}
for i = 1, 5 do reply[i] = found[i] or '0' end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
reply[6] = tonumber(found[6] or 0) > now and '1' or '0'
reply[7] = found[7] or ''
if found[7] == 'failed' then reply[7] = 'failed ' .. found[8] end
return reply
