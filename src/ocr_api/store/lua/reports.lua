-- Gives {report, seen at, report, seen at...}, newest first. ARGV: 1 = of live workers only.
local answer = {}
local time = server_time()
for _, worker in ipairs(redis.call('ZREVRANGE', KEY.workers_seen, 0, -1)) do
  local until_time = tonumber(redis.call('ZSCORE', KEY.workers_live, worker) or '0')
  local report = redis.call('HGET', KEY.worker_reports, worker)
  if report and (ARGV[1] == '0' or until_time > time) then
    answer[#answer + 1] = report
    answer[#answer + 1] = redis.call('ZSCORE', KEY.workers_seen, worker)
  end
end
return answer
