-- Claims the oldest ready page over some lanes. ARGV: worker, lane, lane...
-- Gives {job, number, attempt, charged, model}, or nothing. What can no longer be claimed goes.
local STALE_ENTRIES_AT_ONCE = 1000
local worker = ARGV[1]

local function first_ready()
  local lane, task, rank
  for index = 2, #ARGV do
    local head = redis.call('ZRANGE', KEY.ready .. ARGV[index], 0, 0, 'WITHSCORES')
    if head[1] and (not rank or tonumber(head[2]) < rank) then
      lane, task, rank = ARGV[index], head[1], tonumber(head[2])
    end
  end
  return lane, task
end

for _ = 1, STALE_ENTRIES_AT_ONCE do
  local lane, task = first_ready()
  if not task then
    return false
  end
  redis.call('ZREM', KEY.ready .. lane, task)
  local id, number = parse_task(task)
  if job_is_live(id) and redis.call('HGET', page_key(id, number), 'status') == 'ready' then
    if not is_exhausted(id, number) then
      return take_page(id, number, worker, server_time())
    end
    exhaust_page(id, number, server_time())
  end
end
return false
