-- Takes pages back whose lease expired, and queues delayed ones that are due. ARGV: batch.
-- Gives {entries looked at, leases taken back}; call again while the first equals the batch.
local batch, time = tonumber(ARGV[1]), server_time()
local looked_at, taken_back = 0, 0

local function due(key, limit)
  return redis.call('ZRANGEBYSCORE', key, '-inf', stamp(time), 'LIMIT', 0, limit)
end

for _, task in ipairs(due(KEY.leases, batch)) do
  local id, number = parse_task(task)
  looked_at = looked_at + 1
  redis.call('ZREM', KEY.leases, task)
  if job_is_live(id) then
    taken_back = taken_back + 1
    add_spent(id, number, time)
    if is_exhausted(id, number) then
      exhaust_page(id, number, time)
    elseif end_claim(id, number, 'lease_expired', time) then
      queue_page(id, number)
      announce_job(id)
    end
  end
end

for _, task in ipairs(due(KEY.delayed, batch - looked_at)) do
  local id, number = parse_task(task)
  looked_at = looked_at + 1
  redis.call('ZREM', KEY.delayed, task)
  if job_is_live(id) then
    queue_page(id, number)
  end
end
return { looked_at, taken_back }
