-- Begin to do what cannot be taken back: the turn is for the mail that it has now, in every later try of it too.
--
-- KEYS  1 hash  2 ready
-- ARGV  1 version  2 epoch  3 how many messages the turn covers
--       4 consumer group  5 consumer name  6 leased ready entry; 5 is '' for a caller without a lease
-- Returns how many messages it covers; or an error: STALE, FLOOR.

local now = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'floor', 'begun')
if (now[1] or '0') ~= ARGV[1] then
  return redis.error_reply('STALE another turn was committed')
end
if (now[2] or '0') ~= ARGV[2] or now[3] == 'agent' then
  return redis.error_reply('FLOOR the floor changed hands')
end
if ARGV[5] ~= '' then
  local pending = redis.call('XPENDING', KEYS[2], ARGV[4], ARGV[6], ARGV[6], 1)[1]
  if not pending or pending[2] ~= ARGV[5] then
    return redis.error_reply('STALE another worker has taken this turn')
  end
end
if now[4] and now[4] ~= ARGV[3] then
  return redis.error_reply('STALE another try began it with other mail')
end
if not now[4] then
  redis.call('HSET', KEYS[1], 'begun', ARGV[3])
end
return tonumber(ARGV[3])
