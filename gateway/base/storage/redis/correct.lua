-- Adds an entry (JSON) and its amount.
local name, amount, entry = unpack(cmsgpack.unpack(ARGV[1]))
local sums = bucket_of(name)
add(sums, setmetatable(amount, Money))
keep_bucket(name, sums)
redis.call('RPUSH', key('corrections'), entry)
return 1
