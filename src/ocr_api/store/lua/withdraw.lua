-- Forgets an upload that came to nothing. ARGV: id, digest of the Idempotency-Key (empty = none).
local id, digest = unpack(ARGV)
if redis.call('EXISTS', job_key(id)) == 1 then
  return 0
end
redis.call('DEL', KEY.intent .. id)
local first = redis.call('HMGET', KEY.idempotency .. digest, 'job', 'fingerprint')
if first[1] == id and not first[2] then
  redis.call('DEL', KEY.idempotency .. digest)
end
return 1
