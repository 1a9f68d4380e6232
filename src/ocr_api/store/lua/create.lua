-- Creates a job and its first page task, once. ARGV: id, lane, field, value, field, value...
-- Gives the job as it is stored (also when it was there before).
local id, lane = ARGV[1], ARGV[2]
if redis.call('EXISTS', job_key(id)) == 0 then
  local time = server_time()
  local rank = next_rank(time)
  redis.call('HSET', job_key(id), unpack(ARGV, 3))
  redis.call('HSET', job_key(id), 'created_at', stamp(time), 'updated_at', stamp(time), 'tasks', 1, 'rank', rank)
  redis.call('ZADD', KEY.jobs, rank, id)
  redis.call('HSET', page_key(id, 1), 'status', 'ready', 'model', lane, 'attempt', 0, 'charged', 0, 'rank', rank)
  redis.call('DEL', KEY.intent .. id)
  queue_page(id, 1)
  announce_job(id)
end
return redis.call('HGETALL', job_key(id))
