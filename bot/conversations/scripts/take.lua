-- Take some of what may be spent in a while; the while begins with the first that is taken.
--
-- KEYS  1 spent
-- ARGV  1 how many   2 limit   3 the while in ms
-- Returns {how many were taken, from 0 to ARGV 1; ms until the while is over}.
-- Sent twice, it takes twice: some is lost to the one who takes, and no limit is passed.

local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local taken = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - spent))
if taken > 0 then
  redis.call('INCRBY', KEYS[1], taken)
end
if spent == 0 and taken > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {taken, redis.call('PTTL', KEYS[1])}
