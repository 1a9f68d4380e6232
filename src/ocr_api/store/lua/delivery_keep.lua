-- Notes where a delivery's body lies; from now on its job may go. ARGV: id, attempt, key of the body.
-- Gives 1, or 0 for a stale claim.
local id, attempt, body_key = unpack(ARGV)
if not owns_delivery(id, attempt) then
  return 0
end
redis.call('HSET', delivery_key(id), 'body_key', body_key)
let_job_expire(redis.call('HGET', delivery_key(id), 'job_id'))
return 1
