-- Forgets an ended job and its pages, a batch a call. ARGV: id, pages forgotten so far.
-- Gives the number of pages forgotten so far: call again; -1: all is gone; 0: it lives or is unknown.
local id, skipped = ARGV[1], tonumber(ARGV[2])

if redis.call('EXISTS', job_key(id)) == 0 or job_is_live(id) then
  return 0
end
local numbers = page_numbers(id, skipped, LIMIT.pages_at_once)
for _, number in ipairs(numbers) do
  drop_page(id, number)
  redis.call('DEL', page_key(id, number))
end
if #numbers == LIMIT.pages_at_once then
  return skipped + #numbers
end
drop_page(id, 0)
redis.call('DEL', page_key(id, 0))
local digest = redis.call('HGET', job_key(id), 'idempotency')
if digest then
  redis.call('DEL', KEY.idempotency .. digest)
end
redis.call('ZREM', KEY.jobs, id)
redis.call('ZREM', KEY.owner_jobs .. (redis.call('HGET', job_key(id), 'owner') or ''), id)
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
redis.call('DEL', job_key(id), KEY.events .. id, KEY.secret .. id)
forget_deliveries(id)
announce_job(id)
return -1
