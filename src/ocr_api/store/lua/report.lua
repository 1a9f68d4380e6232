-- Keeps a worker's report. ARGV: worker, report (JSON), seconds it counts, seconds it is
-- remembered, most remembered, 1 = it tells something new of models.
local worker, report, ttl, remembered, most, is_news = unpack(ARGV)
local time = server_time()
redis.call('HSET', KEY.worker_reports, worker, report)
redis.call('ZADD', KEY.workers_seen, stamp(time), worker)
redis.call('ZADD', KEY.workers_live, stamp(time + tonumber(ttl)), worker)
redis.call('ZREMRANGEBYSCORE', KEY.workers_live, '-inf', stamp(time))

local function forget(workers)
  for _, old in ipairs(workers) do
    redis.call('HDEL', KEY.worker_reports, old)
    redis.call('ZREM', KEY.workers_seen, old)
    redis.call('ZREM', KEY.workers_live, old)
  end
end

forget(redis.call('ZRANGEBYSCORE', KEY.workers_seen, '-inf', stamp(time - tonumber(remembered))))
forget(redis.call('ZRANGE', KEY.workers_seen, 0, -1 - tonumber(most)))
if is_news == '1' then
  redis.call('PUBLISH', KEY.model_news, 'reports')
end
return 1
