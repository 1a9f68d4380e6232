-- Notes that the model that was switched to is loaded somewhere. ARGV: number of the switch.
-- Gives 1, or 0 where another switch holds, or this one is settled.
local known = redis.call('HMGET', KEY.current_model, 'number', 'state')
if known[1] ~= ARGV[1] or known[2] ~= 'loading' then
  return 0
end
redis.call('HSET', KEY.current_model, 'state', 'settled')
redis.call('PUBLISH', KEY.model_news, 'orders')
return 1
