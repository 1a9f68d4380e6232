-- Stands before every script that reads or changes data: it knows one layout only.
do
  local layout = tonumber(redis.call('GET', KEY.schema) or LIMIT.layout)
  if layout ~= LIMIT.layout then
    return redis.error_reply('OCRLAYOUT ' .. layout)
  end
end
