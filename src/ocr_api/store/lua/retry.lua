-- Queues the failed pages of a failed job again, at the end of the line. ARGV: id.
-- Gives the number of pages, or -1 where the job cannot be retried or is unknown.
local id = ARGV[1]
local job = redis.call('HMGET', job_key(id), 'status', 'problem')
if job[1] ~= 'failed' or not job[2] or not cjson.decode(job[2]).retryable then
  return -1
end
local time = server_time()
redis.call('HDEL', job_key(id), 'problem', 'finished_at', 'expires_at', 'last_rank')
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
local retried, pages = {}, 0
for _, number in ipairs(task_numbers(id)) do
  if move_page(id, number, 'retried') then
    retried[#retried + 1] = number
    pages = pages + (number > 0 and 1 or 0)
  end
end
redis.call('HINCRBY', job_key(id), 'pages_failed', -pages)
move_job(id, 'retried', time)
for _, number in ipairs(retried) do
  redis.call('HDEL', page_key(id, number), 'problem', 'spent_s')
  redis.call('HSET', page_key(id, number), 'charged', 0, 'rank', next_page_rank(id))
  queue_page(id, number)
end
return #retried
