-- One `sync`: the same arithmetic as ../grants.py, and what ../sqlite/lease_sync.py does around it.
local node, run, number, caller_ms, clock_ms, asks = unpack(cmsgpack.unpack(ARGV[1]))
local CEILING, SAID_SPENT, SAID_HELD, SAID_GRANTED, KEEP, NEED, EXTRA, ROLLS_LIMIT, ROLLS_CAP, BUCKET, PERIOD, ROLLS_FROM,
  LAST_PERIOD, FIRST_FRAMES, IS_FRESH = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

local now_ms = clock(clock_ms)
local epoch_ms, evicts = epoch(now_ms)
if evicts then return evicts end
local before = redis.call('HGET', key('runs'), run)
if before and number < cmsgpack.unpack(before)[3] then
  return redis.error_reply('LATE overtaken by a later report of the same run')
end
redis.call('HSET', key('nodes'), node, now_ms)
redis.call('HSET', key('runs'), run, cmsgpack.pack({node, now_ms, number}))
if #asks == 0 then return cmsgpack.pack({}) end

-- === who is waited for ===

local function has_settled()
  local age_ms = now_ms - epoch_ms
  if age_ms < SETTLE_MS then return false end
  if age_ms < RECOVER_MS then
    local runs = redis.call('HGETALL', key('runs'))
    for i = 1, #runs, 2 do
      if cmsgpack.unpack(runs[i + 1])[2] <= epoch_ms and redis.call('EXISTS', key('rows', runs[i])) == 1 then return false end
    end
  end
  return true
end

local function waited_nodes()
  local names, found = {}, redis.call('HGETALL', key('nodes'))
  for i = 1, #found, 2 do
    if math.max(tonumber(found[i + 1]), epoch_ms) >= now_ms - RECOVER_MS then names[#names + 1] = found[i] end
  end
  return names
end

local is_settled, nodes, adopted = has_settled(), waited_nodes(), {}
local function is_adopted(period)
  if adopted[period] == nil then
    adopted[period] = true
    for _, found in ipairs(redis.call('HMGET', key('adopted', period), unpack(nodes))) do
      if tonumber(found or -1) ~= epoch_ms then adopted[period] = false end
    end
  end
  return adopted[period]
end

-- === report ===

local sums, rows = {}, {}
local function bucket(name)
  if not sums[name] then sums[name] = bucket_of(name) end
  return sums[name]
end

for _, ask in ipairs(asks) do
  as_money(ask, CEILING, ROLLS_CAP)
  local sum, row = bucket(ask[BUCKET]), row_of(run, ask[BUCKET])
  if row then take_row(sum, row) end
  if not row or ask[IS_FRESH] then
    row = {ask[FIRST_FRAMES] == 0 and ZERO, ZERO, ZERO, ZERO, ask[FIRST_FRAMES], now_ms, 0}
  end
  row[GRANTED] = most(least(most(row[GRANTED], ask[SAID_GRANTED]), ask[KEEP]), ask[SAID_SPENT])
  row[SPENT], row[HELD], row[SYNCED] = ask[SAID_SPENT], ask[SAID_HELD], now_ms
  add_row(sum, row)
  rows[ask[BUCKET]] = row
end

-- === share out ===

local is_given, lefts, ceilings, ready = true, {}, {}, {}
for i, ask in ipairs(asks) do
  local sum = bucket(ask[BUCKET])
  ready[i] = is_settled and sum[UNKNOWN] == 0 and is_adopted(ask[PERIOD])
  local ceiling = ask[CEILING]
  if ask[ROLLS_FROM] ~= '' then
    local last = bucket(ask[ROLLS_FROM])
    ready[i] = ready[i] and last[UNKNOWN] == 0 and is_adopted(ask[LAST_PERIOD])
    ceiling = ceiling and ceiling + most(ZERO, least(ask[ROLLS_LIMIT] - last[COMMITTED], ask[ROLLS_CAP]))
  end
  ceilings[i] = ceiling
  lefts[i] = ceiling and ceiling - sum[COMMITTED]
  if ceiling and ZERO < ask[NEED] and not (ready[i] and ask[NEED] <= lefts[i]) then is_given = false end
end

-- What other live runs could give back, and since when none of them has been silent knowing that it should (in the caller's clock).
local function idle_of_others(name)
  local idle, oldest_ms = ZERO, nil
  local found = redis.call('HGETALL', key('runs'))
  for i = 1, #found, 2 do
    if found[i] ~= run and cmsgpack.unpack(found[i + 1])[2] >= now_ms - LIVE_MS then
      local row = row_of(found[i], name)
      local free = row and row[GRANTED] - row[SPENT] - row[HELD]
      if free and ZERO < free then
        idle = idle + free
        local knew = 0 < row[TIGHT] and row[TIGHT] < row[SYNCED]
        oldest_ms = math.min(oldest_ms or now_ms, knew and row[SYNCED] or 0)
      end
    end
  end
  if not oldest_ms or oldest_ms == 0 then return idle, 0 end
  return idle, caller_ms - (now_ms - oldest_ms)
end

local told = {}
for i, ask in ipairs(asks) do
  local sum, row, left = bucket(ask[BUCKET]), rows[ask[BUCKET]], lefts[i]
  local given = is_given and ask[NEED] or ZERO
  local is_refused, is_tight, idle, oldest_ms = false, false, ZERO, 0
  local wanted = now_ms - WANTED_MS < sum[REFUSED_MS] and sum[REFUSED] or ZERO
  if left and ready[i] then
    is_refused = most(ZERO, left) < ask[NEED]
    local share = (left - given) / (SHARES * sum[RUNS])
    is_tight = share < most(ask[NEED], ask[SAID_HELD]) or left - given < wanted
    if is_given and not is_tight then given = given + least(ask[EXTRA], share) end
  end
  if is_refused then
    idle, oldest_ms = idle_of_others(ask[BUCKET])
    if ask[NEED] <= left + idle and wanted <= ask[NEED] then sum[REFUSED], sum[REFUSED_MS] = ask[NEED], now_ms end
  end
  row[GRANTED], sum[COMMITTED] = row[GRANTED] + given, sum[COMMITTED] + given
  row[TIGHT] = is_tight and (row[TIGHT] > 0 and row[TIGHT] or now_ms) or 0
  told[i] = {
    row[GRANTED], is_refused, ready[i], is_tight, sum[ALL_SPENT], sum[COMMITTED], ceilings[i], idle, oldest_ms,
  }
end

for name, row in pairs(rows) do
  redis.call('HSET', key('rows', run), name, cmsgpack.pack(row))
  keep_bucket(name, sums[name])
end
return cmsgpack.pack(told)
