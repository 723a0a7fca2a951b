-- Keep a lease, or let go of it so that it can be claimed after a while. Never takes one from another consumer.
--
-- KEYS  1 queue stream
-- ARGV  1 consumer group  2 consumer name  3 entry  4 ms that the lease shall seem to be old already
--       5 consumer that has it from now on
--       6 '1' where the delivery that ends here shall not count. Sent twice, one more is forgotten, which does no harm.
-- Returns 1, or 0 when the lease is another's or the entry is done.

local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[2] then
  return 0
end
local count = ARGV[6] == '1' and math.max(0, pending[4] - 1) or pending[4]
redis.call(
  'XCLAIM', KEYS[1], ARGV[1], ARGV[5], 0, ARGV[3], 'IDLE', ARGV[4], 'RETRYCOUNT', count, 'JUSTID'
)
return 1
