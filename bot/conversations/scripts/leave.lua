-- Leave a queue: what a consumer still holds can be claimed by others at once. With nothing left, it is removed.
--
-- KEYS  1 queue stream
-- ARGV  1 consumer group  2 consumer name  3 lease in ms
--       4 consumer that has its entries from now on, where it hands them over in good order: then these deliveries do
--         not count. '' for one that died with them; they stay its own until they are claimed.
-- Returns how many entries it still held.

local held = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 10000, ARGV[2])
for _, entry in ipairs(held) do
  local heir, count = ARGV[2], entry[4]
  if ARGV[4] ~= '' then
    heir, count = ARGV[4], math.max(0, entry[4] - 1)
  end
  redis.call(
    'XCLAIM', KEYS[1], ARGV[1], heir, 0, entry[1], 'IDLE', ARGV[3], 'RETRYCOUNT', count, 'JUSTID'
  )
end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return #held
