-- Takes a switch back whose model cannot be loaded anywhere. ARGV: number of the switch, reason.
-- Gives 1, or 0 where another switch holds, or this one is settled. `relane` moves what waits.
local known = redis.call('HMGET', KEY.current_model, 'model', 'number', 'state', 'back_to', 'back_serves', 'since')
if known[2] ~= ARGV[1] or known[3] ~= 'loading' then
  return 0
end
local time = server_time()
redis.call('HSET', KEY.current_model, 'model', known[4], 'previous', known[1], 'changed_at', stamp(time),
  'number', next_rank(time), 'state', 'settled', 'failed_model', known[1], 'failed_number', known[2],
  'failed_reason', ARGV[2], 'failed_at', stamp(time), 'failed_since', known[6])
log_model('rollback', known[1], 'failure', time, { 'previous', known[4], 'detail', ARGV[2] })
if known[5] == known[1] then
  redis.call('HDEL', KEY.current_model, 'failed_serves') -- there is no other model to go back to
else
  redis.call('HSET', KEY.current_model, 'failed_serves', known[5])
end
redis.call('PUBLISH', KEY.model_news, 'orders')
return 1
