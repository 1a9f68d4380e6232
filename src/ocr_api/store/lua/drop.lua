-- Takes the tasks of an ended job out of every queue, a batch a call. ARGV: id, pages dropped so far.
-- Gives the number of pages dropped so far: call again; -1: all are dropped, or the job is live again.
local id, skipped = ARGV[1], tonumber(ARGV[2])
if job_is_live(id) then
  return -1
end
local numbers = page_numbers(id, skipped, LIMIT.pages_at_once)
drop_page(id, 0)
for _, number in ipairs(numbers) do
  drop_page(id, number)
end
return #numbers == LIMIT.pages_at_once and skipped + #numbers or -1
