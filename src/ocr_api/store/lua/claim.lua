-- Claims the next ready pages over some lanes, one after the other by fair shares
-- (jobs/fairness.py). ARGV: worker, most pages, lane, lane... Gives a list, empty where nothing is
-- ready, of {job, number, attempt, charged, model, seconds it may take, why auto chose the model}; 0:
-- call again. What can no longer be claimed goes, and costs its class nothing.
local STALE_ENTRIES_AT_ONCE = 200
local worker, most = ARGV[1], tonumber(ARGV[2])
local FIRST_LANE = 3

-- Keeps the lowest page of each class in `heads`.
local function look_at(lane, heads)
  local lowest = redis.call('ZRANGE', KEY.ready .. lane, 0, 0, 'WITHSCORES')
  for index, class in ipairs(CLASSES) do
    local above = CLASSES[index + 1]
    if lowest[1] and not (above and tonumber(lowest[2]) >= tonumber(above.base)) then
      local rank = tonumber(lowest[2])
      local best = heads[class.name]
      if not best or rank < best.rank or (rank == best.rank and lowest[1] < best.task) then
        heads[class.name] = { lane = lane, task = lowest[1], rank = rank, class = class }
      end
      if above then
        lowest = redis.call('ZRANGEBYSCORE', KEY.ready .. lane, above.base, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      end
    end
  end
end

local function first_ready()
  local heads, waiting = {}, {}
  for index = FIRST_LANE, #ARGV do
    look_at(ARGV[index], heads)
  end
  for _, class in ipairs(CLASSES) do
    waiting[#waiting + 1] = heads[class.name]
  end
  return waiting
end

-- Chooses between the classes that wait; one that waits alone costs nothing. Gives the head, and
-- where its turn starts if it costs something.
local function choose(waiting)
  if #waiting < 2 then
    return waiting[1]
  end
  local clock = tonumber(redis.call('HGET', KEY.fair, 'clock') or '0')
  local chosen, start
  for _, head in ipairs(waiting) do
    local pass = tonumber(redis.call('HGET', KEY.fair, 'pass:' .. head.class.name) or '0')
    local begins = math.max(pass, clock)
    if not start or begins < start then
      chosen, start = head, begins
    end
  end
  return chosen, start
end

local function charge(class, start)
  local after = string.format('%.0f', start + class.stride)
  redis.call('HSET', KEY.fair, 'pass:' .. class.name, after, 'clock', string.format('%.0f', start))
end

local function move_clock(head)
  local field, rank = 'clock:' .. head.class.name, head.rank - tonumber(head.class.base)
  if rank > tonumber(redis.call('HGET', KEY.fair, field) or '0') then
    redis.call('HSET', KEY.fair, field, string.format('%.0f', rank))
  end
end

-- Gives nothing where the page at the head is not to be had; the entry is gone in any case.
local function take_head(head, start)
  redis.call('ZREM', KEY.ready .. head.lane, head.task)
  local id, number = parse_task(head.task)
  if not job_is_live(id) or redis.call('HGET', page_key(id, number), 'status') ~= 'ready' then
    return nil
  end
  if escape(id, number) then
    queue_page(id, number)
    return nil
  end
  local time = server_time()
  if start then
    charge(head.class, start)
  end
  if is_exhausted(id, number) then
    exhaust_page(id, number, time)
  elseif spent_s(id, number) >= timeout_s(id, number) then
    fail_late_page(id, number, time)
  else
    move_clock(head)
    return take_page(id, number, worker, time)
  end
end

local taken = {}
for _ = 1, STALE_ENTRIES_AT_ONCE do
  local head, start
  if #taken < most then
    head, start = choose(first_ready())
  end
  if not head then
    return taken
  end
  taken[#taken + 1] = take_head(head, start)
end
return #taken > 0 and taken or 0
