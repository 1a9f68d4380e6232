-- Queues failed pages of an ended job again, at the end of the line: all of a failed job, those that
-- may be read another time of a completed one. ARGV: id.
-- Gives the number of failed tasks, or -1 where the job cannot be retried or is unknown.
local id = ARGV[1]
local job = redis.call('HMGET', job_key(id), 'status', 'problem', 'has_password', 'pages_retryable')
local is_partial = job[1] == 'completed' and tonumber(job[4] or '0') > 0
local is_failed_job = job[1] == 'failed' and job[2] and cjson.decode(job[2]).retryable
if job[3] == '1' or not (is_partial or is_failed_job) then
  return -1
end

local base, last_rank = tonumber(class_of(id).base), nil
local lanes = {}

-- The ranks that next_page_rank would give one by one, in one go.
local function next_rank_here()
  if last_rank then
    last_rank = last_rank + LIMIT.page_step
  else
    last_rank = tonumber(next_page_rank(id)) - base
  end
  return string.format('%.0f', base + last_rank)
end

local function queue(number, model, ...)
  local rank = next_rank_here()
  redis.call('HSET', page_key(id, number), 'status', 'ready', 'rank', rank, ...)
  redis.call('ZADD', KEY.ready .. model, rank, task_name(id, number))
  lanes[model] = true
end

-- Gives 1 for a failed task. Where the opening failed half-way, pages that it had queued wait or
-- were being read.
local function prepare(number)
  local page = redis.call('HMGET', page_key(id, number), 'status', 'problem', 'model')
  if page[1] == 'failed' then
    if is_partial and not (page[2] and cjson.decode(page[2]).retryable) then
      return 0
    end
    redis.call('HDEL', page_key(id, number), 'problem', 'spent_s')
    queue(number, page[3], 'charged', 0)
    return 1
  elseif page[1] == 'claimed' or page[1] == 'ready' then
    drop_page(id, number) -- from where it lay when the job ended
    queue(number, page[3])
  end
  return 0
end

redis.call('HDEL', job_key(id), 'problem', 'finished_at', 'expires_at', 'last_rank', 'pages_retryable')
redis.call('ZREM', KEY.ended, id)
redis.call('ZREM', KEY.untidied, id)
local opening, pages = prepare(0), 0
for _, number in ipairs(page_numbers(id, 0, math.huge)) do
  pages = pages + prepare(number)
end
redis.call('HINCRBY', job_key(id), 'pages_failed', -pages)
if last_rank then
  redis.call('HSET', job_key(id), 'last_rank', string.format('%.0f', last_rank))
end
move_job(id, 'retried', server_time())
for lane in pairs(lanes) do
  redis.call('SADD', KEY.lanes, lane)
  redis.call('PUBLISH', KEY.page_news, lane)
end
return opening + pages
