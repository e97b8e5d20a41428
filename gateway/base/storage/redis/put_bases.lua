-- Bases of a run's rows, where they are unknown and the row still names as many frames.
local run, bases = unpack(cmsgpack.unpack(ARGV[1]))
for _, one in ipairs(bases) do
  local name, frames, base = one[1], one[2], setmetatable(one[3], Money)
  local row = row_of(run, name)
  if row and not row[BASE] and row[FRAMES] == frames then
    local sums = bucket_of(name)
    take_row(sums, row)
    row[BASE] = base
    add_row(sums, row)
    keep_bucket(name, sums)
    redis.call('HSET', key('rows', run), name, cmsgpack.pack(row))
  end
end
return 1
