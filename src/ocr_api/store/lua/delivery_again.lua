-- Repeats a delivery now. ARGV: id. Gives 1 (queued, or on its way), or 0 where it is unknown, or
-- ended together with its job.
local id = ARGV[1]
local delivery = redis.call('HMGET', delivery_key(id), 'state', 'job_id', 'worker')
if not delivery[1] then
  return 0
end
local time = server_time()
if delivery[1] == 'pending' then
  if not delivery[3] then
    queue_delivery(id, time)
  end
  return 1
end
if redis.call('EXISTS', job_key(delivery[2])) == 0 then
  return 0
end
redis.call('PERSIST', delivery_key(id))
redis.call('PERSIST', KEY.delivery_log .. id)
redis.call('HDEL', delivery_key(id), 'ended_at')
redis.call('HSET', delivery_key(id), 'state', 'pending', 'tried', 0)
hold_job(delivery[2])
queue_delivery(id, time)
return 1
