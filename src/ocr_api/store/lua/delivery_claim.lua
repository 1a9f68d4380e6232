-- Claims the delivery that is due first, of a receiver that has hands free. ARGV: notifier, lease in
-- seconds. Gives {hash of the delivery}, or nothing.
local STALE_ENTRIES_AT_ONCE = 1000
local notifier, lease = ARGV[1], tonumber(ARGV[2])
local time = server_time()

for _ = 1, STALE_ENTRIES_AT_ONCE do
  local receiver = redis.call('ZRANGEBYSCORE', KEY.outbox, '-inf', stamp(time), 'LIMIT', 0, 1)[1]
  if not receiver then
    return false
  end
  local id = redis.call('ZRANGE', KEY.outbox_lane .. receiver, 0, 0)[1]
  if id then
    redis.call('ZREM', KEY.outbox_lane .. receiver, id)
  end
  if id and redis.call('HGET', delivery_key(id), 'state') == 'pending' then
    redis.call('HINCRBY', delivery_key(id), 'attempt', 1)
    redis.call('HINCRBY', delivery_key(id), 'tried', 1)
    redis.call('HSET', delivery_key(id), 'worker', notifier, 'claimed_at', stamp(time))
    redis.call('SADD', KEY.outbox_busy .. receiver, id)
    redis.call('ZADD', KEY.delivery_leases, stamp(time + lease), id)
    refresh_receiver(receiver)
    return redis.call('HGETALL', delivery_key(id))
  end
  refresh_receiver(receiver)
end
return false
