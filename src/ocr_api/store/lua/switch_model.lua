-- Makes a model the default. ARGV: model, the default where none was chosen yet, what the caller took
-- for the default, what served in its name, 1 = the model has to be loaded, who asks for it.
-- Gives the fields that hold now.
local model, default, seen, serves, loads, by = unpack(ARGV)
local known = redis.call('HMGET', KEY.current_model, 'model', 'state', 'back_to', 'back_serves', 'failed_model')
local previous, time = known[1] or default, server_time()
local back_to, back_serves = previous, previous == seen and serves or previous
-- A model that has not been loaded yet is nothing to go back to.
if known[3] and (known[2] == 'loading' or previous == model) then
  back_to, back_serves = known[3], known[4]
end
if known[5] == model then
  redis.call('HDEL', KEY.current_model, 'failed_model', 'failed_number', 'failed_reason', 'failed_at',
    'failed_since', 'failed_serves')
end
redis.call('HSET', KEY.current_model, 'model', model, 'previous', previous, 'changed_at', stamp(time),
  'since', stamp(time), 'number', next_rank(time), 'state', loads == '1' and 'loading' or 'settled',
  'back_to', back_to, 'back_serves', back_serves)
log_model('switch', model, 'switch', time, { 'previous', previous, 'by', by })
redis.call('PUBLISH', KEY.model_news, 'orders')
return redis.call('HGETALL', KEY.current_model)
