-- Lets a worker change what it has in memory, unless too many others are at it.
-- ARGV: worker, model, 1 = not while another worker loads the same model, 1 = another model leaves
-- for it, seconds it holds. Gives 1, or 0 where it is to wait. Asking again renews.
local worker, model, alone, evicts, ttl = unpack(ARGV)
local time = server_time()
redis.call('ZREMRANGEBYSCORE', KEY.model_turns, '-inf', stamp(time))
local changing = 0
for _, turn in ipairs(redis.call('ZRANGE', KEY.model_turns, 0, -1)) do
  local its_evicts, its_worker, its_model = string.match(turn, '^(%d) (%S+) (.*)$')
  if its_worker ~= worker then
    if alone == '1' and its_model == model then
      return 0
    end
    changing = changing + tonumber(its_evicts)
  end
end
local live = redis.call('ZCOUNT', KEY.workers_live, '(' .. stamp(time), '+inf')
if evicts == '1' and changing >= math.max(1, math.floor(live / 2)) then
  return 0
end
redis.call('ZADD', KEY.model_turns, stamp(time + tonumber(ttl)), evicts .. ' ' .. worker .. ' ' .. model)
return 1
