-- Keeps what became of a model in a worker. ARGV: kind, model, why, seconds since, 1 = it may be kept
-- already, token, further fields and values. Gives 1, or 0 where it is kept already.
local kind, model, why, age, again, token = unpack(ARGV)
if again == '1' then
  for _, entry in ipairs(redis.call('XREVRANGE', KEY.model_events, '+', '-', 'COUNT', 1000)) do
    for index = 1, #entry[2], 2 do
      if entry[2][index] == 'token' and entry[2][index + 1] == token then
        return 0
      end
    end
  end
end
log_model(kind, model, why, server_time() - tonumber(age), { unpack(ARGV, 7) })
return 1
