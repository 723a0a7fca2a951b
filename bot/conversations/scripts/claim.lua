#!lua flags=allow-cross-slot-keys
-- Claim entries whose lease is too old, at most one of each queue stream.
--
-- KEYS  none: in a cluster the streams have different slots; the node that is asked serves them all
-- ARGV  1 consumer group  2 consumer name  3 lease in ms  4 most entries  5… queue streams
-- Returns {{stream, entry, conversation, consumer that had it}, …}, {streams that could not be read here, …}

local claimed, elsewhere = {}, {}
for n = 5, #ARGV do
  if #claimed >= tonumber(ARGV[4]) then
    break
  end
  local entry, old
  repeat
    -- XAUTOCLAIM would do both at once, and not tell whose it was.
    old = redis.pcall('XPENDING', ARGV[n], ARGV[1], 'IDLE', ARGV[3], '-', '+', 1)
    if old.err then
      elsewhere[#elsewhere + 1] = ARGV[n]
      break
    end
    -- An entry that is gone from the stream is forgotten by this, and not claimed.
    entry = old[1] and redis.call('XCLAIM', ARGV[n], ARGV[1], ARGV[2], ARGV[3], old[1][1])[1]
  until entry or not old[1]
  if entry then
    claimed[#claimed + 1] = {ARGV[n], entry[1], entry[2][2], old[1][2]}
  end
end
return {claimed, elsewhere}
