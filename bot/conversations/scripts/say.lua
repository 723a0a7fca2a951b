-- Say one utterance of a turn that is still being made: durable and fenced before anyone sees it.
--
-- KEYS  1 hash  2 said  3 log  4 ready  5 post  6 outbox
-- ARGV  1 version  2 epoch  3 index of the utterance in its turn  4 utterance as JSON  5 log entry as JSON
--       6 retention in ms  7 live channel  8 conversation id
--       9 idempotency key for the platform, '' where nothing is to be delivered
--       10 consumer group  11 consumer name  12 leased ready entry; 11 is '' for a caller without a lease
--       13 how many messages the turn covers
-- Returns the log id, the first one when it was said already; or an error: STALE, FLOOR.

local now = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'floor', 'begun')
if (now[1] or '0') ~= ARGV[1] then
  return redis.error_reply('STALE another turn was committed')
end
if (now[2] or '0') ~= ARGV[2] or now[3] == 'agent' then
  return redis.error_reply('FLOOR the floor changed hands')
end
if ARGV[11] ~= '' then
  local pending = redis.call('XPENDING', KEYS[4], ARGV[10], ARGV[12], ARGV[12], 1)[1]
  if not pending or pending[2] ~= ARGV[11] then
    return redis.error_reply('STALE another worker has taken this turn')
  end
end

local said = redis.call('LLEN', KEYS[2])
if now[4] and now[4] ~= ARGV[13] then
  return redis.error_reply('STALE another try began it with other mail')
end

local index = tonumber(ARGV[3])
local before = redis.call('LINDEX', KEYS[2], index)
if before then
  local space = string.find(before, ' ', 1, true)
  if string.sub(before, space + 1) == ARGV[4] then
    return string.sub(before, 1, space - 1)
  end
  return redis.error_reply('STALE something else was said in its place')
end
if said ~= index then
  return redis.error_reply('STALE what came before it is gone')
end

-- `begun` is for how many messages the turn speaks.
if not now[4] then
  redis.call('HSET', KEYS[1], 'begun', ARGV[13])
end

local id = redis.call('XADD', KEYS[3], '*', 'e', ARGV[5])
redis.call('RPUSH', KEYS[2], id .. ' ' .. ARGV[4])
if ARGV[9] ~= '' then
  redis.call('RPUSH', KEYS[5], id .. ' ' .. ARGV[9])
  redis.call('PEXPIRE', KEYS[5], ARGV[6])
  if redis.call('HEXISTS', KEYS[1], 'posted') == 0 then
    redis.call('HSET', KEYS[1], 'posted', redis.call('XADD', KEYS[6], '*', 'c', ARGV[8]))
    redis.call('SPUBLISH', KEYS[6], '')
  end
end
-- What was renewed a moment ago is not worth a write: each is synced, and read again when Redis restarts.
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[3]}) do
  if redis.call('PTTL', key) < ARGV[6] * 0.99 then
    redis.call('PEXPIRE', key, ARGV[6])
  end
end
redis.call('SPUBLISH', ARGV[7], id)
return id
