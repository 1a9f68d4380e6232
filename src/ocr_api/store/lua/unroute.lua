-- Has the waiting pages of a lane routed anew that auto brought there, a batch a call. ARGV: lane,
-- pages passed over so far. Gives that number: call again; -1: all are seen.
local lane, skipped = ARGV[1], tonumber(ARGV[2])
local tasks = redis.call('ZRANGE', KEY.ready .. lane, skipped, skipped + LIMIT.pages_at_once - 1)
for _, task in ipairs(tasks) do
  local id, number = parse_task(task)
  if (redis.call('HGET', page_key(id, number), 'route_reason') or '') ~= '' then
    redis.call('ZREM', KEY.ready .. lane, task)
    redis.call('HSET', page_key(id, number), 'model', 'auto', 'route_reason', '')
    queue_page(id, number)
  else
    skipped = skipped + 1
  end
end
return #tasks == LIMIT.pages_at_once and skipped or -1
