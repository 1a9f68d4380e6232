-- Queues the failed pages of a failed job again, at the end of the line. ARGV: id.
-- Gives the number of failed tasks, or -1 where the job cannot be retried or is unknown.
local id = ARGV[1]
local job = redis.call('HMGET', job_key(id), 'status', 'problem', 'has_password')
local is_retryable = job[2] and cjson.decode(job[2]).retryable
if job[1] ~= 'failed' or not is_retryable or job[3] == '1' then
  return -1
end

-- Where the opening failed half-way, pages that it had queued wait or were being read.
local function prepare(number)
  local status = redis.call('HGET', page_key(id, number), 'status')
  local is_failed = move_page(id, number, 'retried')
  if is_failed then
    redis.call('HDEL', page_key(id, number), 'problem', 'spent_s')
    redis.call('HSET', page_key(id, number), 'charged', 0)
  elseif status == 'claimed' then
    move_page(id, number, 'released')
  end
  return is_failed, is_failed or status == 'claimed' or status == 'ready'
end

redis.call('HDEL', job_key(id), 'problem', 'finished_at', 'expires_at', 'last_rank')
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
local numbers, waiting, retried = page_numbers(id, 0, math.huge), {}, 0
table.insert(numbers, 1, 0)
for _, number in ipairs(numbers) do
  local is_failed, is_waiting = prepare(number)
  if is_failed then
    retried = retried + 1
    redis.call('HINCRBY', job_key(id), 'pages_failed', number > 0 and -1 or 0)
  end
  if is_waiting then
    waiting[#waiting + 1] = number
  end
end
move_job(id, 'retried', server_time())
for _, number in ipairs(waiting) do
  redis.call('HSET', page_key(id, number), 'rank', next_page_rank(id))
  queue_page(id, number)
end
return retried
