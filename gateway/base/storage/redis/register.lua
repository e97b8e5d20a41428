-- A sign of life of a node; forgets runs and nodes that have been silent for long and own no money.
local node, clock_ms = unpack(cmsgpack.unpack(ARGV[1]))
local now_ms = clock(clock_ms)
local _, evicts = epoch(now_ms)
if evicts then return evicts end
redis.call('HSET', key('nodes'), node, now_ms)
local runs = redis.call('HGETALL', key('runs'))
for i = 1, #runs, 2 do
  if cmsgpack.unpack(runs[i + 1])[2] < now_ms - FORGET_RUN_MS and redis.call('EXISTS', key('rows', runs[i])) == 0 then
    redis.call('HDEL', key('runs'), runs[i])
  end
end
local nodes = redis.call('HGETALL', key('nodes'))
for i = 1, #nodes, 2 do
  if tonumber(nodes[i + 1]) < now_ms - FORGET_NODE_MS and redis.call('EXISTS', key('totals', nodes[i])) == 0 then
    redis.call('HDEL', key('nodes'), nodes[i])
  end
end
return 1
