-- Forgets an ended job and its pages, a batch a call. ARGV: id, pages forgotten so far.
-- Gives the number of pages forgotten so far: call again; -1: all is gone; 0: it lives or is unknown.
local id, skipped = ARGV[1], tonumber(ARGV[2])

local function forget_page(number)
  local model = redis.call('HGET', page_key(id, number), 'model')
  if model then
    redis.call('ZREM', KEY.ready .. model, task_name(id, number))
  end
  redis.call('ZREM', KEY.delayed, task_name(id, number))
  redis.call('ZREM', KEY.leases, task_name(id, number))
  redis.call('DEL', page_key(id, number))
end

if redis.call('EXISTS', job_key(id)) == 0 or job_is_live(id) then
  return 0
end
local numbers = listed_pages(redis.call('HGET', job_key(id), 'pages') or '1', skipped, LIMIT.pages_at_once)
for _, number in ipairs(numbers) do
  forget_page(number)
end
if #numbers == LIMIT.pages_at_once then
  return skipped + #numbers
end
forget_page(0)
redis.call('ZREM', KEY.jobs, id)
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
redis.call('DEL', KEY.secret .. id)
redis.call('DEL', job_key(id))
forget_deliveries(id)
announce_job(id)
return -1
