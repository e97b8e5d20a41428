-- Stands before every script: money, keys, epochs. leases.py puts the constants of ../leases.py and ../grants.py before it.
--
-- KEYS[1] is the prefix with its hash tag; all keys begin with it, so that a cluster keeps them in one place:
--   :state         server (run_id of the Redis that the epoch belongs to), epoch_ms (when the epoch began: its name)
--   :nodes         node → when it was heard last (ms)
--   :runs          run → [node, when it synced last (ms), its number of that sync]
--   :periods       every "window|label" that was adopted
--   :adopted:P     node → the epoch in which it adopted "window|label" P
--   :rows:R        bucket → row of run R
--   :totals:N      bucket → total of node N
--   :buckets       bucket → sums of all its rows
--   :corrections   list of entries, as JSON
-- Values are MessagePack. Scripts write only what cannot fail any more: a script that stops half way is not rolled back.

-- Money passes 2^53 nano-USD (9 million USD), where Lua's numbers stop being exact: it is {dollars, nanos}, 0 <= nanos < 1e9.
local NANOS = 1000000000
local Money = {}
local floor, setmetatable = math.floor, setmetatable

local function money(dollars, nanos)
  if nanos < 0 then return setmetatable({dollars - 1, nanos + NANOS}, Money) end
  if nanos < NANOS then return setmetatable({dollars, nanos}, Money) end
  return setmetatable({dollars + 1, nanos - NANOS}, Money)
end

Money.__add = function(a, b) return money(a[1] + b[1], a[2] + b[2]) end
Money.__sub = function(a, b) return money(a[1] - b[1], a[2] - b[2]) end
Money.__lt = function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end
Money.__le = function(a, b) return not (b < a) end
Money.__div = function(a, count) -- a number; rounds down
  local dollars = floor(a[1] / count)
  return money(dollars, floor(((a[1] - dollars * count) * NANOS + a[2]) / count))
end

local ZERO = money(0, 0)
local function most(a, b) if a < b then return b end return a end
local function least(a, b) if b < a then return b end return a end

-- What cmsgpack has read becomes money again, from one index to another.
local function as_money(values, first, last)
  for index = first, last do
    if values[index] then setmetatable(values[index], Money) end
  end
  return values
end

local function key(...) return table.concat({KEYS[1], ...}, ':') end

-- A row of a run. BASE is false while it is unknown. TIGHT: since when the answers say so (ms), 0 when the last one did not.
local BASE, GRANTED, SPENT, HELD, FRAMES, SYNCED, TIGHT = 1, 2, 3, 4, 5, 6, 7
local function row_of(run, bucket)
  local found = redis.call('HGET', key('rows', run), bucket)
  return found and as_money(cmsgpack.unpack(found), BASE, HELD)
end

-- Sums of a bucket: COMMITTED and ALL_SPENT over rows, totals and corrections; the need that was REFUSED last although idle
-- money could pay it, and when (ms); RUNS that have a row; UNKNOWN bases.
local COMMITTED, ALL_SPENT, REFUSED, REFUSED_MS, RUNS, UNKNOWN = 1, 2, 3, 4, 5, 6
local function bucket_of(name)
  local found = redis.call('HGET', key('buckets'), name)
  if not found then return {ZERO, ZERO, ZERO, 0, 0, 0} end
  return as_money(cmsgpack.unpack(found), COMMITTED, REFUSED)
end
local function keep_bucket(name, sums) redis.call('HSET', key('buckets'), name, cmsgpack.pack(sums)) end

local function add(sums, amount)
  sums[COMMITTED], sums[ALL_SPENT] = sums[COMMITTED] + amount, sums[ALL_SPENT] + amount
end
local function add_row(sums, row)
  local base = row[BASE] or ZERO
  sums[COMMITTED], sums[ALL_SPENT] = sums[COMMITTED] + base + row[GRANTED], sums[ALL_SPENT] + base + row[SPENT]
  sums[RUNS], sums[UNKNOWN] = sums[RUNS] + 1, sums[UNKNOWN] + (row[BASE] and 0 or 1)
end
local function take_row(sums, row)
  local base = row[BASE] or ZERO
  sums[COMMITTED], sums[ALL_SPENT] = sums[COMMITTED] - base - row[GRANTED], sums[ALL_SPENT] - base - row[SPENT]
  sums[RUNS], sums[UNKNOWN] = sums[RUNS] - 1, sums[UNKNOWN] - (row[BASE] and 0 or 1)
end

-- Milliseconds by Redis' own clock: those of nodes may differ. Tests give theirs.
local function clock(given_ms)
  if given_ms then return given_ms end
  local time = redis.call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

-- The epoch: another one begins when this is not the process that the state was written by, or nothing is left of it. nil and an
-- error when this Redis may drop keys of ours one by one, which nobody would notice.
local function epoch(now_ms)
  local server = redis.call('INFO', 'server'):match('run_id:(%x+)')
  local state = redis.call('HMGET', key('state'), 'server', 'epoch_ms')
  if state[1] == server then return tonumber(state[2]) end
  local memory = redis.call('INFO', 'memory')
  if memory:match('maxmemory_policy:allkeys') and not memory:match('maxmemory:0%s') then
    return nil, redis.error_reply('EVICTS maxmemory-policy is ' .. memory:match('maxmemory_policy:([%w-]+)'))
  end
  local began_ms = math.max(now_ms, (tonumber(state[2]) or 0) + 1)
  redis.call('HSET', key('state'), 'server', server, 'epoch_ms', string.format('%d', began_ms))
  return began_ms
end
