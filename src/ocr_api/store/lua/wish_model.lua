-- Notes the latest wish about a model. ARGV: model, load or unload. Gives its number.
local number = next_rank(server_time())
redis.call('HSET', KEY.model_wishes, ARGV[1], number .. ' ' .. ARGV[2])
redis.call('PUBLISH', KEY.model_news, 'orders')
return number
