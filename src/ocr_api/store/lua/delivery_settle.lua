-- Ends a claim. ARGV: id, attempt, state (pending = again, after a wait), wait in seconds, try (JSON;
-- empty = none was made, which then does not count). Gives 1, or 0 for a stale claim.
local id, attempt, state, wait, try = unpack(ARGV)
if not owns_delivery(id, attempt) then
  return 0
end
local time = server_time()
if try == '' then
  redis.call('HINCRBY', delivery_key(id), 'tried', -1)
else
  log_try(id, try)
  local receiver = redis.call('HGET', delivery_key(id), 'receiver')
  redis.call(state == 'delivered' and 'SADD' or 'SREM', KEY.outbox_quick, receiver)
end
end_delivery_claim(id)
if state == 'pending' then
  queue_delivery(id, time + tonumber(wait))
else
  end_delivery(id, state, time)
end
return 1
