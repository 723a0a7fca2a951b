-- Erase a conversation: every key whole, and its entries in the shared streams.
--
-- KEYS  1 hash  2 mail  3 said  4 log  5 post  6 ready  7 outbox  8 shopper index  9… seen keys
-- ARGV  1 conversation id  2 last log id that the caller saw, or ''  3 group of ready  4 group of outbox
-- Returns 1, or 0 when the log has grown: there may be more seen keys, look again.

local last = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
if (last and last[1] or '') ~= ARGV[2] then
  return 0
end
local entries = redis.call('HMGET', KEYS[1], 'queued', 'posted')
for n = 1, 2 do
  if entries[n] then
    redis.call('XACK', KEYS[5 + n], ARGV[2 + n], entries[n])
    redis.call('XDEL', KEYS[5 + n], entries[n])
  end
end
redis.call('SREM', KEYS[8], ARGV[1])
for n = 1, #KEYS do
  if n < 6 or n > 8 then
    redis.call('UNLINK', KEYS[n])
  end
end
return 1
