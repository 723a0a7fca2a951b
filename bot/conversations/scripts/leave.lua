-- Leave a queue: what this consumer still holds can be claimed by others at once.
--
-- KEYS  1 queue stream
-- ARGV  1 consumer group  2 consumer name  3 lease in ms
-- Returns how many entries it still held; with none, the consumer is removed.

local held = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 10000, ARGV[2])
for _, entry in ipairs(held) do
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'IDLE', ARGV[3], 'JUSTID')
end
if #held == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return #held
