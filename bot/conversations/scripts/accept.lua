-- Accept a message: once, in order, and with a wake-up that cannot be lost.
--
-- KEYS  1 seen  2 hash  3 mail  4 log  5 ready  6 shopper index
-- ARGV  1 conversation id   2 message as JSON      3 log entry as JSON   4 shopper id
--       5 retention in ms   6 seen's lifetime in ms   7 most mail a conversation may hold   8 live channel
-- A queue's name is its bell too: whoever cannot block on all streams is told by pub/sub (`bot.conversations.readers`).
-- Returns {log id, 0}; {log id of the first time, 1} for a duplicate; {false, 0} when the mailbox is full.

local first = redis.call('GET', KEYS[1])
if first then
  return {first, 1}
end
if redis.call('LLEN', KEYS[3]) >= tonumber(ARGV[7]) then
  return {false, 0}
end

local id = redis.call('XADD', KEYS[4], '*', 'e', ARGV[3])
redis.call('SET', KEYS[1], id, 'PX', ARGV[6])
redis.call('RPUSH', KEYS[3], id .. ' ' .. ARGV[2])
redis.call('SADD', KEYS[6], ARGV[1])
if redis.call('HGET', KEYS[2], 'shopper') ~= ARGV[4] then
  redis.call('HSET', KEYS[2], 'shopper', ARGV[4])
end

-- `queued` names the one ready entry of this conversation. Only the script that covers its mail removes it.
if redis.call('HEXISTS', KEYS[2], 'queued') == 0 then
  redis.call('HSET', KEYS[2], 'queued', redis.call('XADD', KEYS[5], '*', 'c', ARGV[1]))
  redis.call('SPUBLISH', KEYS[5], '')
end

-- What was renewed a moment ago is not worth a write: each is synced, and read again when Redis restarts.
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4], KEYS[6]}) do
  if redis.call('PTTL', key) < ARGV[5] * 0.99 then
    redis.call('PEXPIRE', key, ARGV[5])
  end
end
redis.call('SPUBLISH', ARGV[8], id)
return {id, 0}
