#!lua flags=allow-cross-slot-keys
-- Claim entries whose lease is too old, at most one of each queue stream.
--
-- KEYS  none: in a cluster the streams have different slots; the node that is asked serves them all
-- ARGV  1 consumer group  2 consumer name  3 lease in ms  4 most entries  5… queue streams
-- Returns {{stream, entry, conversation}, …}, {streams that could not be read here, …}

local claimed, elsewhere = {}, {}
for n = 5, #ARGV do
  if #claimed >= tonumber(ARGV[4]) then
    break
  end
  local cursor = '0-0'
  repeat
    -- COUNT 1 looks at ten leases only; the cursor goes on where it stopped.
    local found = redis.pcall('XAUTOCLAIM', ARGV[n], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', 1)
    if found.err then
      elsewhere[#elsewhere + 1] = ARGV[n]
      break
    end
    cursor = found[1]
    local entry = found[2][1]
    if entry then
      claimed[#claimed + 1] = {ARGV[n], entry[1], entry[2][2]}
    end
  until entry or cursor == '0-0'
end
return {claimed, elsewhere}
