-- {node, run, bucket, row, bucket, row …} for each run, {node, '', bucket, total …} for each node; of one node, or of all ('').
local wanted = unpack(cmsgpack.unpack(ARGV[1]))
local answer = {}
local function say(node, run, found)
  if #found > 0 and (wanted == '' or wanted == node) then answer[#answer + 1] = {node, run, found} end
end
local runs = redis.call('HGETALL', key('runs'))
for i = 1, #runs, 2 do
  local node = cmsgpack.unpack(runs[i + 1])[1]
  if wanted == '' or wanted == node then say(node, runs[i], redis.call('HGETALL', key('rows', runs[i]))) end
end
for _, node in ipairs(redis.call('HKEYS', key('nodes'))) do
  if wanted == '' or wanted == node then say(node, '', redis.call('HGETALL', key('totals', node))) end
end
return answer
