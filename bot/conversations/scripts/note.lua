-- Note a shopper's thumb on a line of the log; the last one on a line counts.
--
-- KEYS  1 hash  2 log
-- ARGV  1 log id of the line  2 the thumb: up, down or none  3 log entry as JSON  4 retention in ms  5 live channel
-- Returns 1; or 0 when nobody of the shop said a line with that id.

local line = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
local readable, said = pcall(cjson.decode, line and line[2][2] or '')
if not readable or type(said) ~= 'table' or (said.kind ~= 'assistant' and said.kind ~= 'agent') then
  return 0
end

-- The hash remembers each line's thumb: the same one again, or this call sent again, leaves no second entry.
local field = 'thumb:' .. ARGV[1]
if (redis.call('HGET', KEYS[1], field) or 'none') == ARGV[2] then
  return 1
end
redis.call('HSET', KEYS[1], field, ARGV[2])
local id = redis.call('XADD', KEYS[2], '*', 'e', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('SPUBLISH', ARGV[5], id)
return 1
