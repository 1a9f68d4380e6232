-- Commits the result of a page. ARGV: id, number, attempt, result key, warnings (JSON array).
-- Gives 1 (committed, now or before by this very claim), or 0 for a stale claim.
local id, number, attempt, result_key, warnings = unpack(ARGV)
if not owns(id, number, attempt) then
  local page = redis.call('HMGET', page_key(id, number), 'status', 'attempt', 'result_key')
  local is_repeat = page[1] == 'done' and page[2] == attempt and page[3] == result_key
  return is_repeat and 1 or 0
end
local time = server_time()
end_claim(id, number, 'read', time)
redis.call('HSET', page_key(id, number), 'result_key', result_key)
redis.call('HDEL', page_key(id, number), 'problem')
add_warnings(id, warnings)
count_ended_page(id, number, 'pages_done', time)
return 1
