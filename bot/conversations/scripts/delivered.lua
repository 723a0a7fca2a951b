-- Cross a delivered reply off; after the last one, the conversation leaves the outbox.
--
-- KEYS  1 hash  2 post  3 outbox
-- ARGV  1 item, as it stands in the post list  2 consumer group
-- Returns how many replies are left.

redis.call('LREM', KEYS[2], 1, ARGV[1])
local left = redis.call('LLEN', KEYS[2])
local posted = redis.call('HGET', KEYS[1], 'posted')
if left == 0 and posted then
  redis.call('XACK', KEYS[3], ARGV[2], posted)
  redis.call('XDEL', KEYS[3], posted)
  redis.call('HDEL', KEYS[1], 'posted')
end
return left
