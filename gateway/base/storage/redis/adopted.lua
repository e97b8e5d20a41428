-- The "window|label"s that a node has adopted in the epoch. In one that nobody has noticed yet it has adopted nothing.
local node = unpack(cmsgpack.unpack(ARGV[1]))
local state, found = redis.call('HMGET', key('state'), 'server', 'epoch_ms'), {}
if state[1] ~= redis.call('INFO', 'server'):match('run_id:(%x+)') then return found end
for _, period in ipairs(redis.call('SMEMBERS', key('periods'))) do
  if redis.call('HGET', key('adopted', period), node) == state[2] then found[#found + 1] = period end
end
return found
