-- Hand the floor over, between turns or in the middle of one.
--
-- KEYS  1 hash  2 log
-- ARGV  1 new floor  2 log entry as JSON  3 token of this change, the same when it is sent again
--       4 retention in ms  5 live channel
-- Returns the epoch from now on, or false when there is no such conversation.

local now = redis.call('HMGET', KEYS[1], 'shopper', 'epoch', 'floored')
if not now[1] then
  return false
end
if now[3] == ARGV[3] then
  return tonumber(now[2])
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'floored', ARGV[3])
local id = redis.call('XADD', KEYS[2], '*', 'e', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('SPUBLISH', ARGV[5], id)
return epoch
