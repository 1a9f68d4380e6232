-- Moves the waiting pages of a model that nobody could load, a batch a call. ARGV: pages passed over
-- so far. Gives that number: call again; -1: all are moved. A page that is not waiting, or is missed
-- because others leave the lane meanwhile, moves when it is queued or claimed (`escape`).
local skipped = tonumber(ARGV[1])
local lane = redis.call('HGET', KEY.current_model, 'failed_model')
if not lane then
  return -1
end
local tasks = redis.call('ZRANGE', KEY.ready .. lane, skipped, skipped + LIMIT.pages_at_once - 1)
for _, task in ipairs(tasks) do
  local id, number = parse_task(task)
  if escape(id, number) then
    redis.call('ZREM', KEY.ready .. lane, task)
    queue_page(id, number)
  else
    skipped = skipped + 1
  end
end
return #tasks == LIMIT.pages_at_once and skipped or -1
