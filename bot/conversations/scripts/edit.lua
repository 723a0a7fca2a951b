-- Write into a conversation from outside of any turn: entries of the log, and the state that the next turn begins with.
--
-- KEYS  1 hash  2 log  3 shopper index  4 post  5 outbox
-- ARGV  1 version that was read, '0' for a new conversation  2 token of this edit, the same when it is sent again
--       3 state as JSON  4 retention in ms  5 live channel  6 conversation id  7 shopper id
--       8 idempotency key for a platform, '' where nothing is to be delivered
--       9 how many of the entries are utterances, which come last  10… log entries as JSON
-- Returns the log id of the last entry; or an error: STALE, FLOOR.
-- The version rises: a turn under way is made again, with what was written here.

local now = redis.call('HMGET', KEYS[1], 'version', 'floor', 'edited', 'posted', 'shopper')
local token = ARGV[2] .. ' '
if now[3] and string.sub(now[3], 1, #token) == token then
  return string.sub(now[3], #token + 1)
end
if (now[1] or '0') ~= ARGV[1] then
  return redis.error_reply('STALE the conversation went on')
end
local utterances = tonumber(ARGV[9])
if now[2] == 'agent' and utterances > 0 then
  return redis.error_reply('FLOOR an agent has the floor')
end

local id
for n = 10, #ARGV do
  id = redis.call('XADD', KEYS[2], '*', 'e', ARGV[n])
  if ARGV[8] ~= '' and n > #ARGV - utterances then
    redis.call('RPUSH', KEYS[4], id .. ' ' .. ARGV[8] .. ':' .. n)
    redis.call('PEXPIRE', KEYS[4], ARGV[4])
  end
end
if ARGV[8] ~= '' and utterances > 0 and not now[4] then
  redis.call('HSET', KEYS[1], 'posted', redis.call('XADD', KEYS[5], '*', 'c', ARGV[6]))
  redis.call('SPUBLISH', KEYS[5], '')
end
if not now[5] then
  redis.call('HSET', KEYS[1], 'shopper', ARGV[7])
end
redis.call('SADD', KEYS[3], ARGV[6])
redis.call('HSET', KEYS[1], 'version', ARGV[1] + 1, 'state', ARGV[3], 'edited', token .. id)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('SPUBLISH', ARGV[5], id)
return id
