-- Forget the consumers of processes that are gone. One with a pending entry stays: with it, its entries would go.
--
-- KEYS  1 queue stream
-- ARGV  1 consumer group  2 own consumer name  3 ms without a sign of life after which a consumer is gone
-- Returns how many were removed.

local removed = 0
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for n = 1, #flat, 2 do
    consumer[flat[n]] = flat[n + 1]
  end
  if consumer.name ~= ARGV[2] and consumer.pending == 0 and consumer.idle > tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
