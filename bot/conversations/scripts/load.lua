-- Load a conversation for a worker or for the desk.
--
-- KEYS  1 hash  2 mail  3 said  4 ready
-- ARGV  1 consumer group
--       and for a worker: 2 its consumer name  3 the ready entry that it leases
-- Returns {version, epoch, floor or false, state or false, mail, said, deliveries of the ready entry, shopper,
--         1 where an earlier try of the turn has begun to speak or to act, else 0},
--         or false: there is no such conversation, or the lease is another's, or it has no mail. In the last case
--         the entry is done with and removed.

local deliveries = 1
if ARGV[2] then
  local pending = redis.call('XPENDING', KEYS[4], ARGV[1], ARGV[3], ARGV[3], 1)[1]
  if not pending or pending[2] ~= ARGV[2] then
    return false
  end
  deliveries = pending[4]
end

local mail = redis.call('LRANGE', KEYS[2], 0, -1)
if ARGV[2] and #mail == 0 then
  redis.call('XACK', KEYS[4], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[4], ARGV[3])
  if redis.call('HGET', KEYS[1], 'queued') == ARGV[3] then
    redis.call('HDEL', KEYS[1], 'queued')
  end
  return false
end

local found = redis.call('HMGET', KEYS[1], 'shopper', 'version', 'epoch', 'floor', 'state', 'begun')
if not found[1] then
  return false
end
-- Mail that outlived its retention takes along what was begun for it; else no turn could ever be committed again.
if found[6] and tonumber(found[6]) > #mail then
  redis.call('HDEL', KEYS[1], 'begun')
  redis.call('DEL', KEYS[3])
  found[6] = false
end
local said = redis.call('LRANGE', KEYS[3], 0, -1)
-- What a turn has said or done already was no answer to mail that came since: that waits for a turn of its own.
if found[6] then
  mail = redis.call('LRANGE', KEYS[2], 0, found[6] - 1)
end
return {
  tonumber(found[2] or 0), tonumber(found[3] or 0), found[4], found[5],
  mail, said, deliveries, found[1], found[6] and 1 or 0,
}
