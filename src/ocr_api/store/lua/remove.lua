-- Forgets an ended job. ARGV: id. Gives 1, or 0 where the job lives or is unknown.
local id = ARGV[1]
local tasks = redis.call('HGET', job_key(id), 'tasks')
if not tasks or job_is_live(id) then
  return 0
end
for number = 1, tonumber(tasks) do
  local model = redis.call('HGET', page_key(id, number), 'model')
  if model then
    redis.call('ZREM', KEY.ready .. model, task_name(id, number))
  end
  redis.call('ZREM', KEY.delayed, task_name(id, number))
  redis.call('ZREM', KEY.leases, task_name(id, number))
  redis.call('DEL', page_key(id, number))
end
redis.call('ZREM', KEY.jobs, id)
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
redis.call('DEL', job_key(id))
forget_deliveries(id)
announce_job(id)
return 1
