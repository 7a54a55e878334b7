-- name: counted
-- How many events there are, and between which positions: without gaps the last is as far from the first as they are many.
select count(*), coalesce(min(position), 1), coalesce(max(position), 0) from event_log.events

-- name: broken
-- Streams whose versions have a gap, or disagree with what the streams table says.
select s.tenant, s.stream from event_log.streams s
left join event_log.events e on e.tenant = s.tenant and e.stream = s.stream
group by s.tenant, s.stream, s.version
having count(e.*) <> s.version or coalesce(max(e.version), 0) <> s.version
limit 20
