-- Takes one attempt at a task back: it was returned unharmed, so it says nothing about the task.
--
-- KEYS   1 attempts of the task
-- ARGV   1 receipt   2 TTL ms of the attempts
-- Reply  attempts that still count
-- E.g.   KEYS {f}:attempts:v#0.3   ARGV r7 1296000000   ->   0
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('SCARD', KEYS[1])
