-- Creates a job and its first page task, once. ARGV: id, lane, digest of the caller's
-- Idempotency-Key (empty = none), fingerprint of the payload, field, value, field, value...
-- Gives {created | known | full | in_use, job as it is stored}.
local id, lane, digest, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', job_key(id)) == 1 then
  return { 'known', redis.call('HGETALL', job_key(id)) }
end
if live_jobs() >= LIMIT.max_queued_jobs then
  return { 'full', {} }
end
if digest ~= '' then
  local first = redis.call('HMGET', KEY.idempotency .. digest, 'job', 'fingerprint')
  if first[2] or (first[1] and first[1] ~= id) then
    return { 'in_use', {} }
  end
  redis.call('HSET', KEY.idempotency .. digest, 'job', id, 'fingerprint', fingerprint)
  redis.call('PERSIST', KEY.idempotency .. digest)
  redis.call('HSET', job_key(id), 'idempotency', digest)
end
local time = server_time()
local place = next_rank(time)
redis.call('HSET', job_key(id), unpack(ARGV, 5))
redis.call('HSET', job_key(id), 'created_at', stamp(time), 'updated_at', stamp(time), 'tasks', 1, 'rank', place)
redis.call('ZADD', KEY.jobs, place, id)
local rank = next_page_rank(id)
redis.call('HSET', page_key(id, 1), 'status', 'ready', 'model', lane, 'attempt', 0, 'charged', 0, 'rank', rank)
redis.call('DEL', KEY.intent .. id)
log_event(id, 'status')
queue_page(id, 1)
announce_job(id)
return { 'created', redis.call('HGETALL', job_key(id)) }
