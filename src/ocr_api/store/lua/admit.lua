-- Lets an upload come in, or says why not. ARGV: id, seconds that its note holds, digest of the
-- caller's Idempotency-Key (empty = none), seconds that the key is held for it.
-- Gives {admitted}, {full, jobs}, {in_flight} or {known, job, fingerprint}; may be repeated.
local id, note_s, digest, held_s = unpack(ARGV)
if digest ~= '' then
  local first = redis.call('HMGET', KEY.idempotency .. digest, 'job', 'fingerprint')
  if first[2] then
    return { 'known', first[1], first[2] }
  elseif first[1] and first[1] ~= id then
    return { 'in_flight' }
  end
end
if live_jobs() >= LIMIT.max_queued_jobs then
  return { 'full', live_jobs() }
end
redis.call('SET', KEY.intent .. id, '1', 'EX', note_s)
if digest ~= '' then
  redis.call('HSET', KEY.idempotency .. digest, 'job', id)
  redis.call('EXPIRE', KEY.idempotency .. digest, held_s)
end
return { 'admitted' }
