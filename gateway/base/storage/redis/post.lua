-- Sets totals of a node, removes rows of finished runs, marks adoptions: at once.
local node, clock_ms, totals, finished, adopted = unpack(cmsgpack.unpack(ARGV[1]))
local now_ms = clock(clock_ms)
local epoch_ms, evicts = epoch(now_ms)
if evicts then return evicts end
redis.call('HSET', key('nodes'), node, now_ms)

for _, one in ipairs(totals) do
  local name, total = one[1], setmetatable(one[2], Money)
  local before = redis.call('HGET', key('totals', node), name)
  local sums = bucket_of(name)
  add(sums, total - (before and setmetatable(cmsgpack.unpack(before), Money) or ZERO))
  keep_bucket(name, sums)
  redis.call('HSET', key('totals', node), name, cmsgpack.pack(total))
end

for _, run in ipairs(finished) do
  for _, name in ipairs(redis.call('HKEYS', key('rows', run))) do
    local sums = bucket_of(name)
    take_row(sums, row_of(run, name))
    keep_bucket(name, sums)
  end
  redis.call('DEL', key('rows', run))
  redis.call('HDEL', key('runs'), run)
end

for _, period in ipairs(adopted) do
  redis.call('SADD', key('periods'), period)
  redis.call('HSET', key('adopted', period), node, string.format('%d', epoch_ms))
end
return 1
