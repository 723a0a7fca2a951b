-- End a turn: everything it made happens at once, or nothing does.
--
-- KEYS  1 hash  2 mail  3 said  4 log  5 ready  6 post  7 outbox  8 shopper index
-- ARGV  1 version  2 epoch  3 token of this commit, the same when it is sent again
--       4 how many messages it covers  5 how many utterances it has said  6 '1' to refuse when mail grew
--       7 state as JSON  8 new floor or ''  9 retention in ms
--       10 live channel  11 conversation id  12 turn id where a platform must deliver, else ''
--       13 consumer group  14 consumer name or ''  15 leased ready entry or ''
--       16 how many of the log entries are utterances  17… log entries as JSON, the turn's own last
-- Returns the log id of the turn's entry; or an error: STALE, FLOOR, GREW.

local now = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'floor', 'committed', 'queued', 'begun')
local token = ARGV[3] .. ' '
if now[4] and string.sub(now[4], 1, #token) == token then
  return string.sub(now[4], #token + 1)
end
if (now[1] or '0') ~= ARGV[1] then
  return redis.error_reply('STALE another turn was committed')
end
local utterances = tonumber(ARGV[16])
if (now[2] or '0') ~= ARGV[2] or (now[3] == 'agent' and utterances > 0) then
  return redis.error_reply('FLOOR the floor changed hands')
end
if ARGV[14] ~= '' then
  local pending = redis.call('XPENDING', KEYS[5], ARGV[13], ARGV[15], ARGV[15], 1)[1]
  if not pending or pending[2] ~= ARGV[14] then
    return redis.error_reply('STALE another worker has taken this turn')
  end
end
local said = redis.call('LLEN', KEYS[3])
if said ~= tonumber(ARGV[5]) then
  return redis.error_reply('STALE another try said something')
end
if now[6] and now[6] ~= ARGV[4] then
  return redis.error_reply('STALE another try began it with other mail')
end
local mail, covered = redis.call('LLEN', KEYS[2]), tonumber(ARGV[4])
if mail < covered then
  return redis.error_reply('STALE the mail is gone')
end
if ARGV[6] == '1' and not now[6] and mail > covered then
  return redis.error_reply('GREW new mail came')
end

local id
for n = 17, #ARGV do
  id = redis.call('XADD', KEYS[4], '*', 'e', ARGV[n])
  if ARGV[12] ~= '' and n < 17 + utterances then
    redis.call('RPUSH', KEYS[6], id .. ' ' .. ARGV[12] .. ':' .. (said + n - 17))
  end
end
-- What is older than the retention goes, although the conversation goes on.
local oldest = redis.call('TIME')[1] * 1000 - ARGV[9]
redis.call('XTRIM', KEYS[4], 'MINID', '=', string.format('%.0f', oldest))

redis.call('HSET', KEYS[1], 'version', ARGV[1] + 1, 'state', ARGV[7], 'committed', token .. id)
if ARGV[8] ~= '' and ARGV[8] ~= (now[3] or 'assistant') then
  redis.call('HSET', KEYS[1], 'floor', ARGV[8], 'epoch', ARGV[2] + 1)
end
redis.call('DEL', KEYS[3])
redis.call('HDEL', KEYS[1], 'begun')
redis.call('LTRIM', KEYS[2], covered, -1)

if now[5] then
  redis.call('XACK', KEYS[5], ARGV[13], now[5])
  redis.call('XDEL', KEYS[5], now[5])
end
if mail > covered then
  redis.call('HSET', KEYS[1], 'queued', redis.call('XADD', KEYS[5], '*', 'c', ARGV[11]))
  redis.call('SPUBLISH', KEYS[5], '')
else
  redis.call('HDEL', KEYS[1], 'queued')
end
if ARGV[12] ~= '' and utterances > 0 and redis.call('HEXISTS', KEYS[1], 'posted') == 0 then
  redis.call('HSET', KEYS[1], 'posted', redis.call('XADD', KEYS[7], '*', 'c', ARGV[11]))
  redis.call('SPUBLISH', KEYS[7], '')
end

-- What was renewed a moment ago is not worth a write: each is synced, and read again when Redis restarts.
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[4], KEYS[6], KEYS[8]}) do
  if redis.call('PTTL', key) < ARGV[9] * 0.99 then
    redis.call('PEXPIRE', key, ARGV[9])
  end
end
redis.call('SPUBLISH', ARGV[10], id)
return id
