-- Marks instances that should go after their present task. Those condemned already are left out.
--
-- KEYS   1 condemned   2 retiring
-- ARGV   1 TTL ms   then the instances
-- Reply  how many of them are marked now
-- E.g.   KEYS {f}:condemned {f}:retiring   ARGV 172800000 i-0a1 i-0b2   ->   2
local condemned, retiring = KEYS[1], KEYS[2]
local marked = 0
for i = 2, #ARGV do
  if not redis.call('ZSCORE', condemned, ARGV[i]) then
    redis.call('SADD', retiring, ARGV[i])
    marked = marked + 1
  end
end
redis.call('PEXPIRE', retiring, ARGV[1])
return marked
