-- Writes what opening and inspecting a page showed. ARGV: id, number, attempt, model, pages, keep.
-- Gives 1, or 0 for a stale claim. Without keep the page waits in its model's lane, uncharged.
local id, number, attempt, model, pages, keep = unpack(ARGV)
if not owns(id, number, attempt) then
  return 0
end
local time = server_time()
redis.call('HSET', page_key(id, number), 'model', model)
local known = redis.call('HGET', job_key(id), 'pages_total')
redis.call('HSET', job_key(id), 'pages_total', pages, 'updated_at', stamp(time))
if known ~= pages then
  log_event(id, 'progress')
end
move_page(id, number, 'routed')
if keep == '0' then
  end_claim(id, number, 'released', time)
  uncharge(id, number)
  queue_page(id, number)
end
announce_job(id)
return 1
