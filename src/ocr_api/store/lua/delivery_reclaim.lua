-- Takes deliveries back whose lease expired. ARGV: batch, most tries, try (JSON) without its end.
-- Gives how many it looked at; call again while that equals the batch.
local batch, most, try = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = server_time()
local ids = redis.call('ZRANGEBYSCORE', KEY.delivery_leases, '-inf', stamp(time), 'LIMIT', 0, batch)
for _, id in ipairs(ids) do
  redis.call('ZREM', KEY.delivery_leases, id)
  local found = redis.call('HMGET', delivery_key(id), 'state', 'tried', 'claimed_at')
  if found[1] == 'pending' then
    local took = stamp(time - tonumber(found[3]))
    log_try(id, '{"at":' .. found[3] .. ',"duration_s":' .. took .. ',' .. try .. '}')
    end_delivery_claim(id)
    if tonumber(found[2]) >= most then
      end_delivery(id, 'failed', time)
    else
      queue_delivery(id, time)
    end
  end
end
return #ids
