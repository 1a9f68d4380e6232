-- Forgets an ended job. ARGV: id. Gives 1, or 0 where the job lives or is unknown.
local id = ARGV[1]
if redis.call('EXISTS', job_key(id)) == 0 or job_is_live(id) then
  return 0
end
drop_pages(id)
for _, number in ipairs(task_numbers(id)) do
  redis.call('DEL', page_key(id, number))
end
local digest = redis.call('HGET', job_key(id), 'idempotency')
if digest then
  redis.call('DEL', KEY.idempotency .. digest)
end
redis.call('ZREM', KEY.jobs, id)
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
redis.call('DEL', job_key(id), KEY.events .. id)
announce_job(id)
return 1
