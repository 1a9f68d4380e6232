-- Creates a job and the task of opening its document, once. ARGV: id, lane, password (empty = none),
-- digest of the caller's Idempotency-Key (empty = none), fingerprint of the payload, field, value,
-- field, value... Gives {created | known | full | in_use, job as it is stored}.
local id, lane, password, digest, fingerprint = unpack(ARGV, 1, 5)
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
redis.call('HSET', job_key(id), unpack(ARGV, 6))
redis.call('HSET', job_key(id), 'created_at', stamp(time), 'updated_at', stamp(time), 'rank', place)
redis.call('ZADD', KEY.jobs, place, id)
local owner = redis.call('HGET', job_key(id), 'owner')
if owner and owner ~= '' then
  redis.call('ZADD', KEY.owner_jobs .. owner, place, id)
end
if password ~= '' then
  redis.call('SET', KEY.secret .. id, password)
end
make_page(id, 0, 'ready', lane, next_page_rank(id))
redis.call('DEL', KEY.intent .. id)
log_event(id, 'status')
queue_page(id, 0)
announce_job(id)
return { 'created', redis.call('HGETALL', job_key(id)) }
