-- Gives {lane, pages ready, lane, pages ready...}.
local answer = {}
for _, lane in ipairs(redis.call('SMEMBERS', KEY.lanes)) do
  answer[#answer + 1] = lane
  answer[#answer + 1] = redis.call('ZCARD', KEY.ready .. lane)
end
return answer
