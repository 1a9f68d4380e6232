-- Makes the page tasks of a document that was opened, a batch a call. ARGV: id, attempt, worker,
-- pages of the document, pages to read (such as 1-3,7), their number, warnings (JSON array).
-- Gives 1: call again; a claim of the first page: the opening is over, and its worker goes on with
-- that page; 0: over, but the first page is no longer to be had; nothing: a stale claim.
local id, attempt, worker, pages_total, pages, count, warnings = unpack(ARGV)
local job, opening = job_key(id), page_key(id, 0)

local function first_page()
  return listed_pages(redis.call('HGET', job, 'pages'), 0, 1)[1]
end

-- The same call again, since its answer was lost on the way.
local function repeated()
  local task = redis.call('HMGET', opening, 'status', 'attempt')
  if task[1] ~= 'done' or task[2] ~= attempt or not job_is_live(id) then
    return false
  end
  local number = first_page()
  local page = redis.call('HMGET', page_key(id, number), 'status', 'attempt', 'worker', 'charged', 'model')
  if page[1] ~= 'claimed' or page[2] ~= '1' or page[3] ~= worker then
    return 0
  end
  local left_s = stamp(timeout_s(id, number) - spent_s(id, number))
  return { redis.call('HGETALL', job), number, 1, tonumber(page[4]), page[5], left_s, '' }
end

if not owns(id, 0, attempt) then
  return repeated()
end
if redis.call('HSETNX', job, 'pages', pages) == 1 then
  redis.call('HSET', job, 'pages_total', pages_total, 'tasks', count, 'tasks_made', 0)
  add_warnings(id, warnings)
  log_event(id, 'progress')
end

local time = server_time()
local known = redis.call('HMGET', job, 'pages', 'tasks', 'tasks_made')
local task = redis.call('HMGET', opening, 'model', 'rank')
local numbers = listed_pages(known[1], tonumber(known[3]), LIMIT.pages_at_once)
local made = redis.call('HINCRBY', job, 'tasks_made', #numbers)
local is_whole = made == tonumber(known[2])
local first = first_page() -- takes the turn of the opening; the others queue behind it
for _, number in ipairs(numbers) do
  make_page(id, number, 'ready', task[1], number == first and task[2] or next_page_rank(id))
  if number ~= first or not is_whole then
    place_page(id, number)
  end
end
if made > 1 then
  redis.call('PUBLISH', KEY.page_news, task[1])
end
if not is_whole then
  redis.call('HSET', job, 'updated_at', stamp(time))
  announce_job(id)
  return 1
end

end_claim(id, 0, 'opened', time)
uncharge(id, 0)
move_job(id, 'document_opened', time)
local page = redis.call('HMGET', page_key(id, first), 'status', 'attempt', 'model')
if page[1] ~= 'ready' or page[2] ~= '0' then
  return 0
end
redis.call('ZREM', KEY.ready .. page[3], task_name(id, first))
return take_page(id, first, worker, time)
