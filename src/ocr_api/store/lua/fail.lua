-- Ends a claim with a problem. ARGV: id, number, attempt, problem (JSON), final.
-- Gives retry, failed or stale.
local id, number, attempt, problem, final = unpack(ARGV)
if not owns(id, number, attempt) then
  return 'stale'
end
local time = server_time()
add_spent(id, number, time)
if final == '1' or is_exhausted(id, number) or spent_s(id, number) >= timeout_s(id, number) then
  fail_page(id, number, problem, time)
  return 'failed'
end
end_claim(id, number, 'failed_for_now', time)
redis.call('HSET', page_key(id, number), 'problem', problem)
local charged = tonumber(redis.call('HGET', page_key(id, number), 'charged'))
local wait = LIMIT.backoff_s[math.max(1, math.min(charged, #LIMIT.backoff_s))] or 0
redis.call('ZADD', KEY.delayed, stamp(time + wait), task_name(id, number))
announce_job(id)
return 'retry'
