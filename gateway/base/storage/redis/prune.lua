-- Forgets buckets, but not their corrections, and "window|label"s.
local buckets, periods = unpack(cmsgpack.unpack(ARGV[1]))
local runs, nodes = redis.call('HKEYS', key('runs')), redis.call('HKEYS', key('nodes'))
for _, name in ipairs(buckets) do
  redis.call('HDEL', key('buckets'), name)
  for _, run in ipairs(runs) do redis.call('HDEL', key('rows', run), name) end
  for _, node in ipairs(nodes) do redis.call('HDEL', key('totals', node), name) end
end
for _, period in ipairs(periods) do
  redis.call('DEL', key('adopted', period))
  redis.call('SREM', key('periods'), period)
end
return 1
