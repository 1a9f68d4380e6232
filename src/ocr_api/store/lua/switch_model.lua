-- Makes a model the default. ARGV: model, the default where none was chosen yet.
-- Gives {model, previous, changed at}.
local previous = redis.call('HGET', KEY.current_model, 'model') or ARGV[2]
local changed_at = stamp(server_time())
redis.call('HSET', KEY.current_model, 'model', ARGV[1], 'previous', previous, 'changed_at', changed_at)
return { ARGV[1], previous, changed_at }
