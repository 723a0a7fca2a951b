#!lua flags=allow-cross-slot-keys
-- Lease new entries, at most one of each queue stream, without waiting: what XREADGROUP does outside of a cluster.
--
-- KEYS  none: in a cluster the streams have different slots; the node that is asked serves them all
-- ARGV  1 consumer group  2 consumer name  3… queue streams
-- Returns {{stream, entry, conversation}, …}, {streams that could not be read here, …};
--         or an error: NOGROUP, the groups have to be created.

local leased, elsewhere = {}, {}
for n = 3, #ARGV do
  local found = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', ARGV[n], '>')
  if found and found.err then
    if string.sub(found.err, 1, 7) == 'NOGROUP' then
      return redis.error_reply(found.err)
    end
    elsewhere[#elsewhere + 1] = ARGV[n]
  elseif found then
    local entry = found[1][2][1]
    leased[#leased + 1] = {ARGV[n], entry[1], entry[2][2]}
  end
end
return {leased, elsewhere}
