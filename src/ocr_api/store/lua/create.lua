-- Creates a job and the task of opening its document, once. ARGV: id, lane, password (empty = none),
-- field, value, field, value... Gives the job as it is stored (also when it was there before).
local id, lane, password = ARGV[1], ARGV[2], ARGV[3]
if redis.call('EXISTS', job_key(id)) == 0 then
  local time = server_time()
  local rank = next_rank(time)
  redis.call('HSET', job_key(id), unpack(ARGV, 4))
  redis.call('HSET', job_key(id), 'created_at', stamp(time), 'updated_at', stamp(time), 'rank', rank)
  redis.call('ZADD', KEY.jobs, rank, id)
  if password ~= '' then
    redis.call('SET', KEY.secret .. id, password)
  end
  make_page(id, 0, 'ready', lane, rank)
  redis.call('DEL', KEY.intent .. id)
  queue_page(id, 0)
  announce_job(id)
end
return redis.call('HGETALL', job_key(id))
