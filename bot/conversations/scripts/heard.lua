-- Remember how far a session's clients have got what was said; never goes back.
--
-- KEYS  1 hash
-- ARGV  1 log id
-- Returns 1, or 0 where there is no such conversation, or more was heard already.

local heard = redis.call('HGET', KEYS[1], 'heard')
if redis.call('HEXISTS', KEYS[1], 'shopper') == 0 then
  return 0
end
local function place(id)
  local dash = string.find(id, '-', 1, true)
  return tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
end
if heard then
  local ms, sequence = place(ARGV[1])
  local before, last = place(heard)
  if ms < before or (ms == before and sequence <= last) then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'heard', ARGV[1])
return 1
