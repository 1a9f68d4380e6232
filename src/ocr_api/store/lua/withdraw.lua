-- Forgets an upload that came to nothing. ARGV: id, digest of the Idempotency-Key (empty = none),
-- 1 = its file is left, and the note of it stays.
local id, digest, keep_note = unpack(ARGV)
if redis.call('EXISTS', job_key(id)) == 1 then
  return 0
end
if keep_note ~= '1' then
  redis.call('DEL', KEY.intent .. id)
end
local first = redis.call('HMGET', KEY.idempotency .. digest, 'job', 'fingerprint')
if first[1] == id and not first[2] then
  redis.call('DEL', KEY.idempotency .. digest)
end
return 1
