-- One `take`: the same arithmetic as ../gcra.py, and what ../sqlite/rates.py does around it. Its keys, beside those of common.lua:
--   :rate:L        {when limiter L has drained (ms), rest in parts}; Redis drops it a minute after that
--   :slots:L       run → what it has granted of limiter L
--   :slots_of:R    the limiters in which run R has any
--   :slot_runs     run → when it was heard last (ms); all of the above of a silent run goes
local run, clock_ms, rates, slots = unpack(cmsgpack.unpack(ARGV[1]))
local LIMITER, PER_MINUTE, BURST, BOOKED, NEED, EXTRA = 1, 2, 3, 4, 5, 6
local LIMIT, KEEP, SLOTS_NEED, SLOTS_EXTRA = 2, 3, 4, 5
local max, min = math.max, math.min

local now_ms = clock(clock_ms)
local function ceil_ms(parts, per_minute) return -floor(-parts / per_minute) end

-- === silent runs, and a sign of life ===

for _, silent in ipairs(redis.call('ZRANGEBYSCORE', key('slot_runs'), '-inf', '(' .. now_ms - SLOTS_MS)) do
  for _, limiter in ipairs(redis.call('SMEMBERS', key('slots_of', silent))) do
    redis.call('HDEL', key('slots', limiter), silent)
  end
  redis.call('DEL', key('slots_of', silent))
  redis.call('ZREM', key('slot_runs'), silent)
end
redis.call('ZADD', key('slot_runs'), now_ms, run)

-- === what there is ===

local is_given, levels, highest, free = true, {}, {}, {}

for i, ask in ipairs(rates) do
  local found, level = redis.call('GET', key('rate', ask[LIMITER])), 0
  if found then
    local drained = cmsgpack.unpack(found)
    level = max(0, (drained[1] - now_ms) * ask[PER_MINUTE] + min(drained[2], ask[PER_MINUTE]))
  end
  levels[i] = max(0, level + ask[BOOKED] * UNIT)
  highest[i] = ask[NEED] == 0 and levels[i] or max(0, (ask[BURST] - ask[NEED]) * UNIT)
  if levels[i] > highest[i] then is_given = false end
end

for i, ask in ipairs(slots) do
  free[i] = ask[LIMIT] - ask[KEEP]
  local rows = redis.call('HGETALL', key('slots', ask[LIMITER]))
  for at = 1, #rows, 2 do
    if rows[at] ~= run then free[i] = free[i] - rows[at + 1] end
  end
  if ask[SLOTS_NEED] > max(0, free[i]) then is_given = false end
end

-- === give ===

local told, slots_told = {}, {}

for i, ask in ipairs(rates) do
  local level, given = levels[i], 0
  local left = floor((ask[BURST] * UNIT - level) / UNIT)
  if is_given then given = ask[NEED] + max(0, min(ask[EXTRA], left - ask[NEED])) end
  local wait_ms = max(0, ceil_ms(level - highest[i], ask[PER_MINUTE]))
  level = level + given * UNIT
  local full_ms = ceil_ms(level, ask[PER_MINUTE])
  if ask[BOOKED] ~= 0 or given > 0 then
    local whole_ms = floor(level / ask[PER_MINUTE])
    local drained = {now_ms + whole_ms, level - whole_ms * ask[PER_MINUTE]}
    redis.call('SET', key('rate', ask[LIMITER]), cmsgpack.pack(drained), 'PX', full_ms + 60000)
  end
  told[i] = {given, left - given, wait_ms, full_ms}
end

for i, ask in ipairs(slots) do
  local limiter, granted, left = ask[LIMITER], ask[KEEP], free[i]
  local is_refused = ask[SLOTS_NEED] > max(0, left)
  if is_given then
    local given = ask[SLOTS_NEED] + max(0, min(ask[SLOTS_EXTRA], left - ask[SLOTS_NEED]))
    granted, left = granted + given, left - given
  end
  if granted > 0 then
    redis.call('HSET', key('slots', limiter), run, granted)
    redis.call('SADD', key('slots_of', run), limiter)
  else
    redis.call('HDEL', key('slots', limiter), run)
    redis.call('SREM', key('slots_of', run), limiter)
  end
  slots_told[i] = {granted, left, is_refused}
end

return cmsgpack.pack({told, slots_told})
