-- Gives {hash, log} of the deliveries of these ids, those that exist. ARGV: id, id...
local answer = {}
for _, id in ipairs(ARGV) do
  local delivery = redis.call('HGETALL', delivery_key(id))
  if #delivery > 0 then
    answer[#answer + 1] = { delivery, redis.call('LRANGE', KEY.delivery_log .. id, 0, -1) }
  end
end
return answer
