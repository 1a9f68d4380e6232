-- Walks the jobs, newest first. ARGV: highest rank, limit, most to look at, status, model, owner
-- (empty = any). Gives {rank below which to go on, or empty at the end; job, job...}.
local highest, limit, most, status, model, owner = unpack(ARGV)
limit, most = tonumber(limit), tonumber(most)
local list = owner == '' and KEY.jobs or KEY.owner_jobs .. owner
local found = redis.call('ZREVRANGEBYSCORE', list, highest, '-inf', 'WITHSCORES', 'LIMIT', 0, most)
local answer = { '' }

for index = 1, #found, 2 do
  local key = job_key(found[index])
  local job = redis.call('HMGET', key, 'status', 'model')
  if not job[1] and owner ~= '' then
    redis.call('ZREM', list, found[index]) -- a release without API keys removed the job
  elseif job[1] and (status == '' or status == job[1]) and (model == '' or model == job[2]) then
    answer[#answer + 1] = redis.call('HGETALL', key)
  end
  local is_last = index + 1 == #found
  if #answer > limit or is_last then
    if not is_last or #found == 2 * most then
      answer[1] = found[index + 1]
    end
    return answer
  end
end
return answer
