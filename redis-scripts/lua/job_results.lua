-- Reads the winning result of every completed segment. Changes nothing.
--
-- KEYS   1 job   2 results of this generation
-- ARGV   1 generation
-- Reply  { segments, { segment, result, segment, result, … } }, or nil where the job is unknown
-- E.g.   KEYS {v}:job {v}:results:0   ARGV 0   ->   { 4, { 0, a1, 2, b7 } }
local current, segments = unpack(redis.call('HMGET', KEYS[1], 'generation', 'segments'))
if current ~= ARGV[1] then return false end
return { tonumber(segments), redis.call('HGETALL', KEYS[2]) }
