-- Shared by all scripts. Above it stand KEY, JOB_AFTER, PAGE_AFTER, LIMIT, MODEL_TIMEOUT_S,
-- LOAD_PROBLEMS and CLASSES, written from Python's own tables.
local MOST_EVENTS = 20000

local function server_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function stamp(seconds)
  return string.format('%.6f', seconds)
end

local function job_key(id)
  return KEY.job .. id
end

local function page_key(id, number)
  return KEY.page .. id .. ':' .. number
end

-- Tasks of the same rank are taken in the order of their names, so page 10 must not precede page 2.
local function task_name(id, number)
  return string.format('%s:%05d', id, number)
end

local function parse_task(task)
  local id, number = string.match(task, '^(.*):(%d+)$')
  return id, tonumber(number)
end

local function announce_job(id)
  redis.call('PUBLISH', KEY.job_news, id)
end

-- Adds to what a job's listeners are told; more = further members of the JSON object.
local function log_event(id, event, more)
  local job = redis.call('HMGET', job_key(id), 'status', 'pages_total', 'pages_done', 'pages_failed')
  if event == 'status' or redis.call('LLEN', KEY.events .. id) < MOST_EVENTS then
    local facts = '{"event":"%s","at":%s,"status":"%s","pages_total":%s,"pages_done":%s,"pages_failed":%s%s}'
    local text = string.format(facts, event, stamp(server_time()), job[1], job[2] or 'null', job[3], job[4], more or '')
    redis.call('RPUSH', KEY.events .. id, text)
  end
end

-- Places in the list of jobs: ranks above all earlier ones, even when the clock is set back.
local function next_rank(time)
  local last = tonumber(redis.call('GET', KEY.sequence) or '0')
  local rank = string.format('%.0f', math.max(last + 1, math.floor(time * 1e6)))
  redis.call('SET', KEY.sequence, rank)
  return rank
end

-- Adds to what became of models; more = further fields and values.
local function log_model(kind, model, why, time, more)
  redis.call('XADD', KEY.model_events, 'MAXLEN', '~', LIMIT.model_events_kept, '*', 'kind', kind, 'model', model,
    'why', why, 'at', stamp(time), unpack(more))
end

-- Only a job that has not ended accepts this event.
local function job_is_live(id)
  local status = redis.call('HGET', job_key(id), 'status')
  return status and JOB_AFTER[status .. ':page_started'] ~= nil
end

-- Gives false, and changes nothing, where the table refuses the event.
local function move_job(id, event, time)
  local status = redis.call('HGET', job_key(id), 'status')
  local after = status and JOB_AFTER[status .. ':' .. event]
  if not after then
    return false
  end
  redis.call('HSET', job_key(id), 'status', after, 'updated_at', stamp(time))
  if after ~= status then
    log_event(id, 'status')
  end
  announce_job(id)
  return true
end

local function move_page(id, number, event)
  local status = redis.call('HGET', page_key(id, number), 'status')
  local after = status and PAGE_AFTER[status .. ':' .. event]
  if not after then
    return false
  end
  redis.call('HSET', page_key(id, number), 'status', after)
  return true
end

-- The fence: true only for the latest claim of a page, while it lasts, of a job that lives.
local function owns(id, number, attempt)
  local page = redis.call('HMGET', page_key(id, number), 'status', 'attempt')
  return page[1] == 'claimed' and page[2] == attempt and job_is_live(id)
end

-- Gives up to `most` of the page numbers in a list such as 1-3,7, after skipping some.
local function listed_pages(ranges, skipped, most)
  local numbers = {}
  for first, last in string.gmatch(ranges, '(%d+)%-?(%d*)') do
    first, last = tonumber(first), tonumber(last) or tonumber(first)
    local passed = math.min(skipped, last - first + 1)
    skipped = skipped - passed
    for number = first + passed, last do
      if #numbers == most then
        return numbers
      end
      numbers[#numbers + 1] = number
    end
  end
  return numbers
end

local function make_page(id, number, status, lane, rank)
  redis.call('HSET', page_key(id, number), 'status', status, 'model', lane, 'attempt', 0, 'charged', 0, 'rank', rank)
end

-- The class of a job, by its priority.
local function class_of(id)
  local priority = redis.call('HGET', job_key(id), 'priority') or 'normal'
  for _, class in ipairs(CLASSES) do
    if class.name == priority then
      return class
    end
  end
end

-- Gives the score of a job's next page in the ready sets (jobs/fairness.py: first_rank,
-- following_rank). Call it once for each new page, in order of pages.
local function next_page_rank(id)
  local class = class_of(id)
  local clock = tonumber(redis.call('HGET', KEY.fair, 'clock:' .. class.name) or '0')
  local last = redis.call('HGET', job_key(id), 'last_rank')
  local rank
  if last then
    rank = math.max(clock, tonumber(last) + LIMIT.page_step)
  else
    rank = clock + LIMIT.arrival_step
    redis.call('HSET', KEY.fair, 'clock:' .. class.name, string.format('%.0f', rank))
  end
  redis.call('HSET', job_key(id), 'last_rank', string.format('%.0f', rank))
  return string.format('%.0f', tonumber(class.base) + rank)
end

-- Joins two JSON arrays as text, so that empty ones stay arrays; bounded, for jobs of many pages.
local function add_warnings(id, added)
  if added == '[]' then
    return
  end
  local known = redis.call('HGET', job_key(id), 'warnings') or '[]'
  if known == '[]' then
    redis.call('HSET', job_key(id), 'warnings', added)
  elseif #known + #added <= LIMIT.warnings_bytes then
    redis.call('HSET', job_key(id), 'warnings', string.sub(known, 1, -2) .. ',' .. string.sub(added, 2))
  end
end

-- Whether a job got a model only because it was current, since a given time.
local function got_by_default(id, model, since)
  local job = redis.call('HMGET', job_key(id), 'model_is_default', 'requested_model', 'created_at')
  return since and job[1] == '1' and job[2] == model and tonumber(job[3]) >= tonumber(since)
end

-- A model that nobody could load: the pages of jobs that got it by default only go to the model
-- that serves again. Gives whether this page did.
local function escape(id, number)
  local failed = redis.call('HMGET', KEY.current_model, 'failed_model', 'failed_serves', 'failed_since')
  if not failed[2] or redis.call('HGET', page_key(id, number), 'model') ~= failed[1]
    or not got_by_default(id, failed[1], failed[3]) then
    return false
  end
  redis.call('HSET', page_key(id, number), 'model', failed[2], 'route_reason', '')
  if redis.call('HGET', job_key(id), 'model') == failed[1] then
    redis.call('HSET', job_key(id), 'model', failed[2])
    local told = "'" .. failed[1] .. "' could not be loaded. '" .. failed[2] .. "' serves in its place."
    add_warnings(id, cjson.encode({ told }))
    announce_job(id)
  end
  return true
end

-- A page that failed because the model, just switched to, cannot be loaded: whether that holds
-- everywhere is not decided yet, or its job is about to go back to the model before.
local function is_undecided(id, number, problem)
  if not LOAD_PROBLEMS[cjson.decode(problem).code] then
    return false
  end
  local model = redis.call('HGET', page_key(id, number), 'model')
  local now = redis.call('HMGET', KEY.current_model, 'model', 'state', 'since', 'failed_model', 'failed_serves', 'failed_since')
  if now[1] == model and now[2] == 'loading' then
    return got_by_default(id, model, now[3])
  end
  return now[4] == model and now[5] and got_by_default(id, model, now[6])
end

-- The rank decides who is next. A page keeps its rank when it comes back, so it does not queue
-- again.
local function place_page(id, number)
  escape(id, number)
  local page = redis.call('HMGET', page_key(id, number), 'model', 'rank')
  redis.call('ZADD', KEY.ready .. page[1], page[2], task_name(id, number))
  redis.call('SADD', KEY.lanes, page[1])
  return page[1]
end

local function queue_page(id, number)
  redis.call('PUBLISH', KEY.page_news, place_page(id, number))
end

-- Takes a claim back; the attempt number, which is the fence, never shrinks.
local function end_claim(id, number, event, time)
  redis.call('ZREM', KEY.leases, task_name(id, number))
  redis.call('HDEL', page_key(id, number), 'worker')
  redis.call('HSET', job_key(id), 'updated_at', stamp(time))
  return move_page(id, number, event)
end

local function uncharge(id, number)
  redis.call('HINCRBY', page_key(id, number), 'charged', -1)
  redis.call('HINCRBY', job_key(id), 'attempts', -1)
end

local function delivery_key(id)
  return KEY.delivery .. id
end

-- A receiver waits in the outbox by its earliest delivery, unless enough are on their way to it: one,
-- or several where it took the latest one. So slow ones, even many, hold nobody else up.
local function refresh_receiver(receiver)
  local head = redis.call('ZRANGE', KEY.outbox_lane .. receiver, 0, 0, 'WITHSCORES')
  local busy = redis.call('SCARD', KEY.outbox_busy .. receiver)
  local is_quick = redis.call('SISMEMBER', KEY.outbox_quick, receiver) == 1
  if head[1] and busy < (is_quick and LIMIT.deliveries_per_receiver or 1) then
    redis.call('ZADD', KEY.outbox, head[2], receiver)
  else
    redis.call('ZREM', KEY.outbox, receiver)
  end
  if not head[1] and busy == 0 then
    redis.call('SREM', KEY.outbox_quick, receiver)
  end
end

local function queue_delivery(id, due)
  local receiver = redis.call('HGET', delivery_key(id), 'receiver')
  redis.call('HSET', delivery_key(id), 'due_at', stamp(due))
  redis.call('ZADD', KEY.outbox_lane .. receiver, stamp(due), id)
  refresh_receiver(receiver)
  redis.call('PUBLISH', KEY.delivery_news, receiver)
end

-- The fence of deliveries: true only for the latest claim, while it lasts.
local function owns_delivery(id, attempt)
  local found = redis.call('HMGET', delivery_key(id), 'state', 'attempt', 'worker')
  return found[1] == 'pending' and found[2] == attempt and found[3]
end

local function end_delivery_claim(id)
  local receiver = redis.call('HGET', delivery_key(id), 'receiver')
  redis.call('HDEL', delivery_key(id), 'worker')
  redis.call('ZREM', KEY.delivery_leases, id)
  redis.call('SREM', KEY.outbox_busy .. receiver, id)
  refresh_receiver(receiver)
  if redis.call('ZSCORE', KEY.outbox, receiver) then
    redis.call('PUBLISH', KEY.delivery_news, receiver) -- it has a hand free again
  end
end

local function log_try(id, try)
  redis.call('RPUSH', KEY.delivery_log .. id, try)
  redis.call('LTRIM', KEY.delivery_log .. id, -LIMIT.tries_kept, -1)
end

-- A job waits for its event's body to be built, since the body is built of it.
local function hold_job(id)
  redis.call('ZADD', KEY.ended, 'XX', '+inf', id)
end

local function let_job_expire(id)
  local expires = redis.call('HGET', job_key(id), 'expires_at')
  if expires then
    redis.call('ZADD', KEY.ended, 'XX', expires, id)
  end
end

-- What is known of an ended delivery stays as long as its job, or as a job would.
local function end_delivery(id, state, time)
  local job = redis.call('HGET', delivery_key(id), 'job_id')
  redis.call('HSET', delivery_key(id), 'state', state, 'ended_at', stamp(time))
  redis.call('HDEL', delivery_key(id), 'due_at', 'body_key')
  let_job_expire(job)
  if redis.call('EXISTS', job_key(job)) == 0 then
    redis.call('EXPIRE', delivery_key(id), LIMIT.result_ttl_s)
    redis.call('EXPIRE', KEY.delivery_log .. id, LIMIT.result_ttl_s)
  end
end

-- A job that is started again ends again: each end is an event of its own.
local function delivery_id(job_id, number)
  return LIMIT.delivery_id .. job_id .. (number > 1 and '-' .. number or '')
end

-- A pending delivery outlives its job.
local function forget_deliveries(job_id)
  for number = 1, LIMIT.ends_told do
    local id = delivery_id(job_id, number)
    if redis.call('HGET', delivery_key(id), 'state') ~= 'pending' then
      redis.call('DEL', delivery_key(id), KEY.delivery_log .. id)
    end
  end
end

-- Writes the event of a job's end, for its webhook if it has one.
local function tell_end(job_id, time)
  local job = redis.call('HMGET', job_key(job_id), 'webhook_url', 'status', 'filename', 'owner')
  local number = 1
  while job[1] and redis.call('EXISTS', delivery_key(delivery_id(job_id, number))) == 1 do
    number = number + 1
  end
  if not job[1] or number > LIMIT.ends_told then
    return
  end
  local id = delivery_id(job_id, number)
  local receiver = string.lower(string.match(job[1], '^%a+://[^/?#]+') or job[1])
  redis.call('HSET', delivery_key(id), 'id', id, 'job_id', job_id, 'url', job[1], 'receiver', receiver,
    'state', 'pending', 'job_status', job[2], 'owner', job[4] or '', 'created_at', stamp(time),
    'attempt', 0, 'tried', 0)
  if job[3] then
    redis.call('HSET', delivery_key(id), 'filename', job[3])
  end
  hold_job(job_id)
  queue_delivery(id, time)
end

local function live_jobs()
  return redis.call('ZCARD', KEY.jobs) - redis.call('ZCARD', KEY.ended)
end

-- Gives up to `most` numbers of the pages whose tasks were made, after skipping some. A job of the
-- first layout has one page and no list.
local function page_numbers(id, skipped, most)
  local job = redis.call('HMGET', job_key(id), 'pages', 'tasks_made', 'tasks')
  local made = tonumber(job[2] or job[3] or '0')
  return listed_pages(job[1] or '1', skipped, math.max(0, math.min(most, made - skipped)))
end

-- Takes a task out of every queue; those of the first layout have names without leading zeros.
local function drop_page(id, number)
  local model = redis.call('HGET', page_key(id, number), 'model')
  if model then
    local name, old_name = task_name(id, number), id .. ':' .. number
    redis.call('ZREM', KEY.ready .. model, name, old_name)
    redis.call('ZREM', KEY.delayed, name, old_name)
    redis.call('ZREM', KEY.leases, name, old_name)
  end
end

-- Has everybody leave the pages of a job that has ended.
local function stop_work(id)
  redis.call('PUBLISH', KEY.stop_news, id)
end

-- Every end of a job passes here, a cancelled one's too.
local function end_job(id, event, time)
  move_job(id, event, time)
  local expires = stamp(time + LIMIT.result_ttl_s)
  redis.call('HSET', job_key(id), 'finished_at', stamp(time), 'expires_at', expires)
  redis.call('ZADD', KEY.ended, expires, id)
  redis.call('ZADD', KEY.untidied, stamp(time), id)
  redis.call('DEL', KEY.secret .. id)
  tell_end(id, time)
end

local function count_ended_page(id, number, counter, time)
  redis.call('HINCRBY', job_key(id), counter, 1)
  local outcome = counter == 'pages_done' and 'completed' or 'failed'
  log_event(id, 'page', string.format(',"page_number":%d,"page_status":"%s"', number, outcome))
  local job = redis.call('HMGET', job_key(id), 'tasks', 'pages_done', 'pages_failed')
  if tonumber(job[2]) + tonumber(job[3]) < tonumber(job[1]) then
    announce_job(id)
  elseif tonumber(job[2]) > 0 then
    redis.call('HDEL', job_key(id), 'problem')
    end_job(id, 'all_pages_ended', time)
  else
    end_job(id, 'no_page_read', time)
  end
end

local function fail_page(id, number, problem, time)
  end_claim(id, number, 'failed_for_good', time)
  redis.call('HSET', page_key(id, number), 'problem', problem)
  redis.call('HSET', job_key(id), 'problem', problem)
  if tonumber(number) == 0 then
    end_job(id, 'no_page_read', time)
    stop_work(id) -- on those pages that an opening in batches had queued already
  else
    redis.call('HINCRBY', job_key(id), 'pages_retryable', cjson.decode(problem).retryable and 1 or 0)
    count_ended_page(id, number, 'pages_failed', time)
  end
end

local function is_exhausted(id, number)
  return tonumber(redis.call('HGET', page_key(id, number), 'charged')) >= LIMIT.max_attempts
end

-- Adds the time since the claim to what the page's failed attempts took.
local function add_spent(id, number, time)
  local claimed_at = tonumber(redis.call('HGET', page_key(id, number), 'claimed_at') or time)
  redis.call('HINCRBYFLOAT', page_key(id, number), 'spent_s', stamp(math.max(0, time - claimed_at)))
end

local function spent_s(id, number)
  return tonumber(redis.call('HGET', page_key(id, number), 'spent_s') or '0')
end

-- How long a page may take with the model that it waits for.
local function timeout_s(id, number)
  return MODEL_TIMEOUT_S[redis.call('HGET', page_key(id, number), 'model')] or LIMIT.page_timeout_s
end

local function fail_late_page(id, number, time)
  local problem = cjson.decode(LIMIT.timeout_problem)
  problem.page = tonumber(number) > 0 and tonumber(number) or cjson.null
  problem.facts = { limit = timeout_s(id, number) }
  fail_page(id, number, cjson.encode(problem), time)
end

local function exhaust_page(id, number, time)
  local problem = cjson.decode(LIMIT.exhausted_problem)
  problem.page = tonumber(number) > 0 and tonumber(number) or cjson.null
  problem.facts = { attempts = tonumber(redis.call('HGET', page_key(id, number), 'charged')) }
  fail_page(id, number, cjson.encode(problem), time)
end

-- Counts as an attempt at once, so that crashes count too. Gives what a claim is made of.
local function take_page(id, number, worker, time)
  move_page(id, number, 'claimed')
  move_job(id, 'page_started', time)
  local attempt = redis.call('HINCRBY', page_key(id, number), 'attempt', 1)
  local charged = redis.call('HINCRBY', page_key(id, number), 'charged', 1)
  redis.call('HSET', page_key(id, number), 'worker', worker, 'claimed_at', stamp(time))
  redis.call('HINCRBY', job_key(id), 'attempts', 1)
  redis.call('HSETNX', job_key(id), 'started_at', stamp(time))
  redis.call('ZADD', KEY.leases, stamp(time + LIMIT.lease_s), task_name(id, number))
  local page = redis.call('HMGET', page_key(id, number), 'model', 'route_reason')
  local left_s = stamp(timeout_s(id, number) - spent_s(id, number))
  return { redis.call('HGETALL', job_key(id)), tonumber(number), attempt, charged, page[1], left_s, page[2] or '' }
end
