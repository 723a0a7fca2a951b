-- Keep a lease, or let it run out after a while. Never takes one from another consumer.
--
-- KEYS  1 queue stream
-- ARGV  1 consumer group  2 consumer name  3 entry  4 ms that the lease shall seem to be old already
-- Returns 1, or 0 when the lease is another's or the entry is done.

local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[2] then
  return 0
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'JUSTID')
return 1
